using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

/// <summary>Messages that others wrote, found through POSTRIDER_CORPORA. They are not part of the repository.</summary>
internal static class Corpora
{
    public const string Reason = "POSTRIDER_CORPORA does not name a folder of test messages.";

    private static readonly string[] Folders =
        ["bounces-sisimai", "ham-spamassassin", "imap-imaptest", "mime-cpython", "mime-enmime", "mime-mime4j", "mime-mimekit", "mime-nodemailer", "mime-rubymail", "mime-stalwart", "mime-zbateson", "reply-talon", "smtp-smuggling", "smtp-chasquid-fuzz"];

    public static string? Root { get; } = Environment.GetEnvironmentVariable("POSTRIDER_CORPORA") is { Length: > 0 } folder && Directory.Exists(folder) ? folder : null;

    public static IEnumerable<string> FoldersWith(string file) => Folders.Select(f => Path.Combine(Root!, f)).Where(f => File.Exists(Path.Combine(f, file)));

    /// <summary>Every file, mails or not: what is no mail must not throw either.</summary>
    public static IEnumerable<string> Files() =>
        Folders.Select(f => Path.Combine(Root!, f, "files")).Where(Directory.Exists).SelectMany(f => Directory.EnumerateFiles(f, "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal);

    /// <summary>Files that stood in a <c>winmail.dat</c>, beside each a folder with what others found in it.</summary>
    public static IEnumerable<string> Tnef() => Directory.EnumerateFiles(Path.Combine(Root!, "mime-mimekit", "files", "tnef"), "*.tnef").Order(StringComparer.Ordinal);

    /// <summary>Asks a message for everything it can tell, and gives a sum so that nothing is left out as unused.</summary>
    public static long ReadEverything(ReadOnlyMemory<byte> bytes) => ReadEverything(MimeMessage.Read(bytes));

    public static long ReadEverything(MimeMessage message)
    {
        long sum = message.Subject?.Length ?? 0;
        sum += message.From.Count + message.ReplyTo.Count + message.To.Count + message.Cc.Count + message.InReplyTo.Count + message.References.Count;
        sum += message.Date?.Ticks ?? 0;
        sum += (message.MessageId?.Length ?? 0) + (message.TextBody?.Length ?? 0) + (message.HtmlBody?.Length ?? 0) + message.Attachments.Count + message.Defects.Count;
        foreach (var part in Parts(message.Root))
        {
            foreach (var field in part.Headers) sum += field.Text.Length + field.Name.Length;
            sum += part.MediaType.Length + (part.Charset?.Length ?? 0) + part.Parameters.Count + (part.Disposition?.Length ?? 0) + (part.FileName?.Length ?? 0) + (part.ContentId?.Length ?? 0);
            if (part.Children.Count == 0) sum += part.DecodeBytes().Length + part.DecodeText().Length;
        }
        return sum;
    }

    /// <summary>In the order of the message.</summary>
    public static IEnumerable<MimePart> Parts(MimePart root)
    {
        var pending = new Stack<MimePart>([root]);
        while (pending.TryPop(out var part))
        {
            yield return part;
            foreach (var child in part.Children.Reverse()) pending.Push(child);
        }
    }
}
