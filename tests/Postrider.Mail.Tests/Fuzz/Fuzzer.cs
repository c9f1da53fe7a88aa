using System.Globalization;
using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Fuzz;

/// <summary>Something that takes bytes from outside.</summary>
/// <param name="Words">What means something to it and is put in by chance.</param>
/// <param name="Run">Throws when the input does harm. What it awaits has to end by itself, since the input ends.</param>
internal sealed record FuzzTarget(string Name, IReadOnlyList<byte[]> Seeds, IReadOnlyList<byte[]> Words, Func<FuzzInput, Task> Run)
{
    /// <summary>Beside the time that every byte may take: what a server does for one command.</summary>
    public TimeSpan PerLine { get; init; }
}

/// <summary>One input.</summary>
internal sealed class FuzzInput(byte[] bytes)
{
    // A collection takes longer than a small input.
    private const int WorthMeasuring = 128 << 10;
    private readonly long before = bytes.Length >= WorthMeasuring ? GC.GetTotalMemory(forceFullCollection: true) : 0;

    public byte[] Bytes => bytes;

    /// <summary>Bytes held, at the most, when <see cref="Measure"/> was called.</summary>
    public long Held { get; private set; }

    /// <summary>Called by a target while it holds what it made of the input so far.</summary>
    public void Measure()
    {
        if (bytes.Length >= WorthMeasuring) Held = Math.Max(Held, GC.GetTotalMemory(forceFullCollection: true) - before);
    }
}

/// <summary>What a run found.</summary>
/// <param name="WorstTime">The input's time divided by its bound.</param>
/// <param name="WorstMemory">The memory held for the input divided by its bound.</param>
internal sealed record FuzzRun(int Inputs, long Bytes, double WorstTime, double WorstMemory, IReadOnlyList<string> Findings);

/// <summary>Feeds a target with damaged copies of real input, without looking at what it covers, and holds each to the same bounds: no exception, linear time (of the processor), linear memory.</summary>
internal sealed class Fuzzer(FuzzTarget target, int seed)
{
    // One second for ten megabytes, and what the first step of anything costs; a build for tests runs without optimisation, beside other work.
#if DEBUG
    private const double Slack = 10;
    // Without optimisation what a method no longer needs is held until it returns.
    private const int MemoryFactor = 8;
#else
    private const double Slack = 1;
    private const int MemoryFactor = 4;
#endif
    private static readonly TimeSpan PerMegabyte = TimeSpan.FromSeconds(0.1 * Slack);
    private static readonly TimeSpan TimeBase = TimeSpan.FromSeconds(0.25 * Slack);
    private const long MemoryBase = 2 << 20;
    private const int Largest = 4 << 20;
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);
    private const int MostFindings = 5;
    // Compiled, tables loaded.
    private const int Warmup = 200;

    private readonly Random random = new(seed);

    public async Task<FuzzRun> RunAsync(TimeSpan time, TimeProvider clock)
    {
        var (inputs, bytes, worstTime, worstMemory) = (0, 0L, 0d, 0d);
        var findings = new List<string>();
        var began = clock.GetTimestamp();
        while (findings.Count < MostFindings && clock.GetElapsedTime(began) < time)
        {
            var input = Next();
            var (took, held, finding) = await TryAsync(input);
            // What was compiled or loaded for the first time is paid once: only what costs as much again is the input's own.
            if (finding is null && (took > 1 || held > 1)) (took, held, finding) = await TryAsync(input);
            inputs++;
            bytes += input.Length;
            if (inputs > Warmup)
            {
                (worstTime, worstMemory) = (Math.Max(worstTime, took), Math.Max(worstMemory, held));
                if (took > 1) finding ??= string.Create(CultureInfo.InvariantCulture, $"{took:F1} times the time allowed for {input.Length} bytes");
                if (held > 1) finding ??= string.Create(CultureInfo.InvariantCulture, $"{held:F1} times the memory allowed for {input.Length} bytes");
            }
            if (finding is not null) findings.Add($"{target.Name}, seed {seed}, input {inputs}, kept in {Keep(input)}: {finding}");
        }
        return new FuzzRun(inputs, bytes, worstTime, worstMemory, findings);
    }

    /// <returns>Time and memory as parts of what is allowed.</returns>
    private async Task<(double Took, double Held, string? Finding)> TryAsync(byte[] input)
    {
        var finding = default(string);
        var taken = new FuzzInput(input);
        var start = Environment.CpuUsage.TotalTime;
        try
        {
            await target.Run(taken).WaitAsync(Hang);
        }
        catch (TimeoutException)
        {
            finding = $"no end after {Hang}";
        }
        catch (Exception e)
        {
            finding = e.ToString();
        }
        var took = (Environment.CpuUsage.TotalTime - start) / (TimeBase + PerMegabyte * (input.Length / 1e6) + target.PerLine * (Slack * input.AsSpan().Count((byte)'\n')));
        return (took, taken.Held / (double)(MemoryBase + MemoryFactor * (long)input.Length), finding);
    }

    private byte[] Next()
    {
        var input = Damage.To(target.Seeds[random.Next(target.Seeds.Count)], () => target.Seeds[random.Next(target.Seeds.Count)], random);
        for (var times = random.Next(4); times > 0 && target.Words.Count > 0; times--)
        {
            var at = random.Next(input.Length + 1);
            input = [.. input[..at], .. target.Words[random.Next(target.Words.Count)], .. input[at..]];
        }
        return random.Next(100) == 0 ? Grown(input) : input;
    }

    /// <summary>A piece repeated until a quadratic step would show.</summary>
    private byte[] Grown(byte[] input)
    {
        if (input.Length == 0) return input;
        var from = random.Next(input.Length);
        var piece = input.AsSpan(from, Math.Min(random.Next(1, 200), input.Length - from));
        // Of commands fewer: what a hundred thousand messages in a mailbox cost says nothing of the reading.
        var largest = target.PerLine > TimeSpan.Zero ? Largest / 16 : Largest;
        var times = Math.Max(1, random.Next(largest / 16, largest) / piece.Length);
        var grown = new byte[input.Length + times * piece.Length];
        input.AsSpan(0, from).CopyTo(grown);
        for (var n = 0; n < times; n++) piece.CopyTo(grown.AsSpan(from + n * piece.Length));
        input.AsSpan(from).CopyTo(grown.AsSpan(from + times * piece.Length));
        return grown;
    }

    private static string Keep(byte[] input)
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("postrider-fuzz-").FullName, "input");
        File.WriteAllBytes(file, input);
        return file;
    }
}
