using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Postrider.Bench;

/// <summary>One class per claim of docs/performance.md. <c>eng/bench.sh --filter '*MimeRead*'</c> runs one of them, without a filter all.</summary>
internal static class Benchmarks
{
    private static int Main(string[] args)
    {
        // In process: the peers and the corpora stay warm, and no project is generated and built for each run. Filling a store of 100,000 messages may outlast the five minutes a benchmark is given otherwise.
        var config = ManualConfig.CreateEmpty()
            .AddJob(Job.Default.WithWarmupCount(4).WithIterationCount(8).WithToolchain(new InProcessEmitToolchain(TimeSpan.FromMinutes(30), logOutput: true)))
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddExporter(MarkdownExporter.Console)
            .AddLogger(ConsoleLogger.Default)
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "postrider-bench"))
            .WithOptions(ConfigOptions.DisableOptimizationsValidator | ConfigOptions.JoinSummary);
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(Benchmarks).Assembly).Run(args.Length == 0 ? ["--filter", "*"] : args, config);
        return summaries.Any() && summaries.All(s => s.Reports.All(r => r.Success)) ? 0 : 1;
    }
}
