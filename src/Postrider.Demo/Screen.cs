using System.Globalization;
using Spectre.Console;

namespace Postrider.Demo;

/// <summary>The live table: each step with its state and its time. Where the output is no terminal, a line a step.</summary>
internal sealed class Screen(IAnsiConsole console, TimeProvider clock)
{
    private readonly List<Row> rows = [];

    /// <summary>Tells the steps in order and stops at the first that does not hold.</summary>
    /// <returns>Null when all held; else the step and its reason.</returns>
    public async Task<string?> TellAsync(IReadOnlyList<Step> steps, CancellationToken cancel)
    {
        foreach (var step in steps) rows.Add(new Row(step.Title));
        if (!console.Profile.Capabilities.Interactive || !console.Profile.Out.IsTerminal) return await TellPlainlyAsync(steps, cancel);

        string? failed = null;
        await console.Live(Draw()).AutoClear(false).StartAsync(async live =>
        {
            for (var i = 0; i < steps.Count && failed is null; i++)
            {
                rows[i].Running = true;
                live.UpdateTarget(Draw());
                failed = await RunAsync(steps[i], rows[i], cancel);
                live.UpdateTarget(Draw());
            }
        });
        return failed;
    }

    private async Task<string?> TellPlainlyAsync(IReadOnlyList<Step> steps, CancellationToken cancel)
    {
        for (var i = 0; i < steps.Count; i++)
        {
            var failed = await RunAsync(steps[i], rows[i], cancel);
            console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(failed is null ? "done  " : "FAILED")} {rows[i].Took!.Value.TotalSeconds,6:0.00} s  {i + 1}. {steps[i].Title}"));
            if (rows[i].Told is { Length: > 0 } told) console.WriteLine("                 " + told);
            if (failed is not null) return failed;
        }

        return null;
    }

    private async Task<string?> RunAsync(Step step, Row row, CancellationToken cancel)
    {
        var start = clock.GetTimestamp();
        try
        {
            row.Told = await step.DoAsync(cancel);
            return null;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancel.IsCancellationRequested)
        {
            row.Failed = true;
            // A broken promise of a step is told in its own words; anything else is a bug and keeps its type.
            row.Told = e is StoryException ? e.Message : $"{e.GetType().Name}: {e.Message}";
            return $"{step.Title}: {row.Told}";
        }
        finally
        {
            row.Running = false;
            row.Took = clock.GetElapsedTime(start);
        }
    }

    private Table Draw()
    {
        var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey).Expand();
        table.AddColumn(new TableColumn("").Width(2).NoWrap());
        table.AddColumn("Step");
        table.AddColumn("What came of it");
        table.AddColumn(new TableColumn("Time").RightAligned().NoWrap());
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            var (sign, colour) = row switch
            {
                { Failed: true } => ("✗", "red"),
                { Running: true } => ("…", "yellow"),
                { Took: not null } => ("✓", "green"),
                _ => (" ", "grey"),
            };
            table.AddRow(
                new Markup($"[{colour}]{sign}[/]"),
                new Markup(row.Took is null && !row.Running ? $"[grey]{i + 1}. {Markup.Escape(row.Title)}[/]" : $"{i + 1}. {Markup.Escape(row.Title)}"),
                new Text(row.Told ?? "", row.Failed ? new Style(Color.Red) : Style.Plain),
                new Text(row.Took is { } took ? string.Create(CultureInfo.InvariantCulture, $"{took.TotalSeconds:0.00} s") : ""));
        }

        return table;
    }

    private sealed class Row(string title)
    {
        public string Title { get; } = title;
        public bool Running { get; set; }
        public bool Failed { get; set; }
        public string? Told { get; set; }
        public TimeSpan? Took { get; set; }
    }
}

/// <summary>One step of the story. <paramref name="DoAsync"/> returns what is told of it, or throws <see cref="StoryException"/> with the reason.</summary>
internal sealed record Step(string Title, Func<CancellationToken, Task<string>> DoAsync);
