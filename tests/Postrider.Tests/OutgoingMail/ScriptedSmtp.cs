using System.Net.Sockets;
using System.Text;

namespace Postrider.Tests.OutgoingMail;

/// <summary>An SMTP server of a few lines that takes everything, or answers one command as it is told.</summary>
internal sealed class ScriptedSmtp : ScriptedPeer
{
    private int taken;

    /// <summary>Messages that were answered with 250 after the final dot.</summary>
    public int Taken => taken;

    /// <summary>The command that is answered with <see cref="Answer"/>: <c>CONNECT</c>, <c>EHLO</c>, <c>MAIL</c>, <c>RCPT</c>, <c>DATA</c>, <c>.</c>; null: none is.</summary>
    public string? At { get; set; }

    /// <summary>After a 421 the connection is closed, as RFC 5321 section 3.8 has it.</summary>
    public string Answer { get; set; } = "421 4.3.2 Service not active";

    /// <summary>The answer to the final dot waits for it; null: it comes at once.</summary>
    public Task? DotWaits { get; set; }

    /// <summary>Ends when the first final dot has come.</summary>
    public TaskCompletionSource DotSeen { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected override async Task TalkAsync(TcpClient client)
    {
        await using var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.Latin1);
        async Task<bool> SayAsync(string command, string answer)
        {
            var said = At == command ? Answer : answer;
            await stream.WriteAsync(Encoding.Latin1.GetBytes(said + "\r\n"), Stop);
            return !said.StartsWith("421", StringComparison.Ordinal);
        }

        if (!await SayAsync("CONNECT", "220 scripted")) return;
        while (await reader.ReadLineAsync(Stop) is { } line)
        {
            var verb = line.Split(' ', ':')[0].ToUpperInvariant();
            if (verb == "DATA" && At != "DATA")
            {
                await SayAsync("DATA", "354 go on");
                string? text;
                do text = await reader.ReadLineAsync(Stop);
                while (text is not (null or "."));
                // Test Connection hangs up here: nothing was sent.
                if (text is null) return;

                DotSeen.TrySetResult();
                if (DotWaits is { } held) await held.WaitAsync(Stop);
                if (!await SayAsync(".", "250 2.0.0 taken")) return;
                if (At != ".") Interlocked.Increment(ref taken);
            }
            else if (!await SayAsync(verb, verb switch { "EHLO" => "250 scripted", "QUIT" => "221 2.0.0 bye", _ => "250 2.0.0 yes" }) || verb == "QUIT")
            {
                return;
            }
        }
    }
}
