using System.Diagnostics;

namespace Postrider.Mail.Tests.Mime;

public sealed class CorporaTests(ITestOutputHelper output)
{
    // What was reached, rounded down. The rest was looked at one by one: text that is better read than the oracle reads it (8-bit without a charset, RFC 2231 names,
    // comments as names, lost boundaries), local parts without a domain, which are no address for us, and UTF-7, which is refused.
    private static readonly Dictionary<string, double> Floors = new()
    {
        ["subject"] = 0.995, ["from"] = 0.98, ["from-name"] = 0.997, ["to"] = 0.99, ["cc"] = 0.99, ["reply-to"] = 0.99, ["date"] = 0.998,
        ["message-id"] = 0.997, ["parts"] = 0.997, ["attachments"] = 0.99, ["text"] = 0.925, ["bytes"] = 0.98,
    };

    [Fact]
    public void Other_parsers_agree()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var fields = Corpora.FoldersWith("oracle.json").SelectMany(Oracle.Compare).GroupBy(v => v.Field).ToList();
        foreach (var field in fields) output.WriteLine($"{field.Key}: {field.Count(v => v.Agrees)} of {field.Count()}");
        foreach (var v in fields.SelectMany(f => f).Where(v => !v.Agrees)) output.WriteLine($"{v.File} {v.Field}\n   expected {v.Expected}\n   actual   {v.Actual}");
        Assert.Equal(Floors.Keys.Order(), fields.Select(f => f.Key).Order());
        Assert.All(fields, field => Assert.InRange(field.Count(v => v.Agrees) / (double)field.Count(), Floors[field.Key], 1));
    }

    [Fact]
    public void Every_file_is_read_within_bounds_of_time_and_memory()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var count = 0;
        Corpora.ReadEverything("Subject: first use\r\n\r\nloads the code pages"u8.ToArray());
        foreach (var file in Corpora.Files())
        {
            count++;
            var bytes = File.ReadAllBytes(file);
            Bounds.Hold(bytes, Path.GetFileName(file));
        }
        Assert.InRange(count, 1700, int.MaxValue);
    }

    [Fact]
    public void Damaged_files_are_read_as_well()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var random = new Random(20261122);
        var files = Corpora.Files().Where(f => new FileInfo(f).Length is > 0 and < 40_000).ToList();
        for (var n = 0; n < 6000; n++)
        {
            var file = files[random.Next(files.Count)];
            var damaged = Damage.To(File.ReadAllBytes(file), () => File.ReadAllBytes(files[random.Next(files.Count)]), random);
            try
            {
                Corpora.ReadEverything(damaged);
            }
            catch (Exception e)
            {
                Assert.Fail($"Round {n} from {file}: {e}");
            }
        }
    }
}

/// <summary>Bounds that hold for every input: linear in its size.</summary>
internal static class Bounds
{
    // Every field and part is decoded twice in these tests; UTF-16 doubles what it holds.
    private const int AllocationFactor = 64;
    private const int AllocationBase = 1 << 20;
    // Thirty times what is asked for (1 s for 10 MB): builds for tests are slow and the machine has other work. What is not linear takes minutes at these sizes.
    private static readonly TimeSpan PerMegabyte = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan TimeBase = TimeSpan.FromSeconds(5);

    public static void Hold(byte[] bytes, string what)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var time = Stopwatch.StartNew();
        Corpora.ReadEverything(bytes);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= AllocationBase + AllocationFactor * (long)bytes.Length, $"{what}: {allocated} bytes allocated for {bytes.Length}");
        Assert.True(time.Elapsed <= TimeBase + PerMegabyte * (bytes.Length / 1e6), $"{what}: {time.Elapsed} for {bytes.Length} bytes");
    }
}

/// <summary>Seeded damage: flips, cuts, repetitions, splices, and bytes that mean something to a parser.</summary>
internal static class Damage
{
    private static readonly byte[][] Meaningful =
    [
        "\r\n"u8.ToArray(), "\n"u8.ToArray(), "\r"u8.ToArray(), "\0"u8.ToArray(), "--"u8.ToArray(), "=?utf-8?b?"u8.ToArray(), "?="u8.ToArray(), "=?iso-2022-jp?q?"u8.ToArray(), "\""u8.ToArray(), "("u8.ToArray(), ")"u8.ToArray(), "<"u8.ToArray(), ">"u8.ToArray(),
        "\\"u8.ToArray(), ";"u8.ToArray(), ":"u8.ToArray(), ","u8.ToArray(), "="u8.ToArray(), "%"u8.ToArray(), "\u001b$B"u8.ToArray(), "\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"u8.ToArray(),
        "\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"u8.ToArray(), "charset=utf-16"u8.ToArray(), "charset=hz-gb-2312"u8.ToArray(), "filename*1*="u8.ToArray(), "\r\n\t"u8.ToArray(),
    ];

    public static byte[] To(byte[] bytes, Func<byte[]> other, Random random)
    {
        var damaged = new List<byte>(bytes);
        for (var times = random.Next(1, 9); times > 0 && damaged.Count > 0; times--)
        {
            var at = random.Next(damaged.Count);
            switch (random.Next(6))
            {
                case 0:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    damaged.RemoveRange(at, random.Next(Math.Min(200, damaged.Count - at) + 1));
                    break;
                case 2:
                    damaged.InsertRange(at, damaged.GetRange(at, random.Next(Math.Min(200, damaged.Count - at) + 1)));
                    break;
                case 3:
                    var donor = other();
                    var from = random.Next(donor.Length);
                    damaged.InsertRange(at, donor.AsSpan(from, random.Next(Math.Min(2000, donor.Length - from) + 1)).ToArray());
                    break;
                case 4:
                    damaged[at] = (byte)random.Next(256);
                    break;
                default:
                    damaged.InsertRange(at, Meaningful[random.Next(Meaningful.Length)]);
                    break;
            }
        }
        return [.. damaged];
    }
}
