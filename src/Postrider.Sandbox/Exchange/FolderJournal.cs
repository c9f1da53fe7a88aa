using System.Globalization;
using Postrider.Mail.Imap;

namespace Postrider.Sandbox.Exchange;

/// <summary>A folder on disk: each message a file <c>uid.eml</c>, and a journal of what happened, one line each, replayed at start. Used under the folder's lock.</summary>
internal sealed class FolderJournal
{
    private readonly string path;
    private readonly string file;

    public FolderJournal(string path)
    {
        this.path = path;
        file = Path.Combine(path, "journal");
        System.IO.Directory.CreateDirectory(path);
    }

    /// <summary>Fills <paramref name="messages"/> with what was kept, and tells UIDVALIDITY and the next UID.</summary>
    /// <param name="uidValidity">For a folder that is new.</param>
    public (uint UidValidity, uint UidNext) Load(uint uidValidity, SortedDictionary<uint, ImapStoredMessage> messages)
    {
        if (!File.Exists(file))
        {
            Write($"validity {uidValidity}");
            return (uidValidity, 1);
        }
        uint next = 1;
        foreach (var line in File.ReadLines(file))
        {
            var words = line.Split(' ');
            // A line that was cut short by a crash is the last one, and what it tells did not happen.
            if (words.Length < 2 || !uint.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number)) continue;
            switch (words[0])
            {
                case "validity": uidValidity = number; break;
                case "added" when words.Length >= 4 && words[^1] == "." && long.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out var date) && File.Exists(FileOf(number)):
                    messages[number] = new(number, DateTimeOffset.FromUnixTimeMilliseconds(date), words[3..^1], File.ReadAllBytes(FileOf(number)));
                    break;
                case "flags" when words[^1] == "." && messages.TryGetValue(number, out var message):
                    messages[number] = message with { Flags = words[2..^1] };
                    break;
                case "removed": messages.Remove(number); break;
            }
            if (words[0] != "validity") next = Math.Max(next, number + 1);
        }
        return (uidValidity, next);
    }

    public void Added(ImapStoredMessage message)
    {
        using (var stream = new FileStream(FileOf(message.Uid), FileMode.Create)) stream.Write(message.Bytes.Span);
        Write(string.Create(CultureInfo.InvariantCulture, $"added {message.Uid} {message.InternalDate.ToUnixTimeMilliseconds()} {Flags(message.Flags)}."));
    }

    public void Flagged(uint uid, IReadOnlyList<string> flags) => Write($"flags {uid} {Flags(flags)}.");

    public void Removed(uint uid)
    {
        Write($"removed {uid} .");
        File.Delete(FileOf(uid));
    }

    // Flags are IMAP atoms, so they hold no space and no line end.
    private static string Flags(IReadOnlyList<string> flags) => string.Concat(flags.Select(f => f + " "));

    private string FileOf(uint uid) => Path.Combine(path, uid.ToString(CultureInfo.InvariantCulture) + ".eml");

    private void Write(string line) => File.AppendAllText(file, line + "\n");
}
