using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>IDLE (RFC 2177), the server's side.</summary>
internal static class ImapIdle
{
    /// <summary>Tells what happens in the selected mailbox until the client says DONE.</summary>
    /// <param name="selected">Null when none is: then there is nothing to tell.</param>
    /// <returns>What follows the tag.</returns>
    public static async Task<string> RunAsync(ImapServerLine line, ImapSelection? selected, CancellationToken cancel)
    {
        await line.SayAsync("+ IDLE accepted, awaiting DONE command.");
        selected?.News.TellChanges();
        await line.FlushAsync();
        // The read stays under way while changes are told.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var reading = line.ReadAsync(cancel).AsTask();
        while (true)
        {
            if (selected is null) break;
            if (await Task.WhenAny(reading, selected.View.ChangedAsync(ended.Token)) == reading) break;
            cancel.ThrowIfCancellationRequested();
            selected.News.TellChanges();
            await line.FlushAsync();
        }
        await ended.CancelAsync();
        var done = await reading;
        line.Heard(WireText.Printable(done.Span));
        return Ascii.EqualsIgnoreCase(done.Span.Trim((byte)' '), "DONE"u8) ? "OK IDLE completed." : "BAD Expected DONE.";
    }
}
