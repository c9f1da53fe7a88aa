using System.Globalization;
using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Fuzz;

/// <summary>A minute in every run; <c>eng/fuzz.sh</c> gives it ten, and another seed each time. Alone, because it measures memory.</summary>
[CollectionDefinition(nameof(FuzzTests), DisableParallelization = true)]
[Collection(nameof(FuzzTests))]
public sealed class FuzzTests(ITestOutputHelper output)
{
    /// <summary>Seconds for all targets together, POSTRIDER_FUZZ_SECONDS.</summary>
    private static readonly double Seconds = Number("POSTRIDER_FUZZ_SECONDS", 60);
    private static readonly int Seed = (int)Number("POSTRIDER_FUZZ_SEED", 20261125);

    public static TheoryData<string> Targets => [.. FuzzTargets.Names];

    [Theory, MemberData(nameof(Targets))]
    public async Task Damaged_input_does_no_harm(string name)
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var target = FuzzTargets.Make(name);
        var run = await new Fuzzer(target, Seed).RunAsync(TimeSpan.FromSeconds(Seconds / FuzzTargets.Names.Count), TimeProvider.System);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {run.Inputs} inputs, {run.Bytes / 1e6:F1} MB, at most {run.WorstTime:P0} of the time and {run.WorstMemory:P0} of the memory allowed, seed {Seed}"));
        Assert.Empty(run.Findings);
        Assert.True(run.Inputs > 10, $"Only {run.Inputs} inputs: the target is too slow to be tested so.");
    }

    private static double Number(string variable, double otherwise) =>
        double.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
