using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Spectre.Console;

namespace Postrider.Demo;

/// <summary>The Demo's entry point: a Microsoft 365 and a hub in one process, and the story they tell.</summary>
internal static class Story
{
    public static Task<int> Main(string[] args)
    {
        var once = new Option<bool>("--once") { Description = "Tell the story and end: 0 when every step held, else 1." };
        var data = new Option<DirectoryInfo?>("--data") { Description = "Folder in which a new folder is made for this run (default: one for temporary files)." };
        var port = new Option<int>("--port") { Description = "The hub's port (default: a free one).", CustomParser = PortOf };
        var command = new RootCommand("Postrider's Demo: connects a mailbox, sends a mail and receives the answer, on this machine alone.") { once, data, port };
        command.SetAction((parsed, cancel) => TellAsync(parsed.GetValue(once), parsed.GetValue(data), parsed.GetValue(port), cancel));
        return command.Parse(args).InvokeAsync();
    }

    private static int PortOf(ArgumentResult given)
    {
        if (given.Tokens is [var token] && int.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65535) return port;
        given.AddError("--port takes a number from 0 to 65535.");
        return 0;
    }

    private static async Task<int> TellAsync(bool once, DirectoryInfo? data, int port, CancellationToken cancel)
    {
        var console = AnsiConsole.Console;
        // A file or a pipe has no width: its lines are not broken.
        if (!console.Profile.Out.IsTerminal) console.Profile.Width = int.MaxValue;
        var clock = TimeProvider.System;
        var parent = data?.FullName ?? Path.Combine(Path.GetTempPath(), "postrider-demo");
        var folder = Path.Combine(parent, clock.GetLocalNow().ToString("yyyyMMdd-HHmmss-fff", CultureInfo.InvariantCulture));
        console.WriteLine("Postrider: a mailbox is connected, a mail goes out, its answer comes in. Nothing leaves this machine.");
        console.WriteLine("Data: " + folder);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"The folder cannot be made: {e.Message} Give another one with --data.");
            return 1;
        }

        var world = new World(folder, port, clock);
        try
        {
            if (await new Screen(console, clock).TellAsync(world.Steps, cancel) is { } failed)
            {
                Console.Error.WriteLine("The story broke off at: " + failed);
                return 1;
            }

            foreach (var line in world.WhereToGoOn()) console.WriteLine(line);
            if (once) return 0;
            console.WriteLine("Ctrl+C ends the Demo.");
            await Task.Delay(Timeout.InfiniteTimeSpan, clock, cancel);
            return 0;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            console.WriteLine("Stopping.");
            return 0;
        }
        finally
        {
            await world.DisposeAsync();
        }
    }
}
