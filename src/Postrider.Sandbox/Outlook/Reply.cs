using System.Globalization;
using Postrider.Mail;
using Postrider.Mail.Mime;

namespace Postrider.Sandbox.Outlook;

/// <summary>What an answer begins with.</summary>
internal static class Reply
{
    /// <param name="own">Of the mailbox that answers; it does not write to itself, unless there is nobody else.</param>
    /// <param name="all">Everybody who got the message gets the answer too.</param>
    public static LetterFields To(MimeMessage message, EmailAddress own, bool all)
    {
        var author = message.ReplyTo.Count > 0 ? message.ReplyTo : message.From;
        // Answering what one sent oneself goes on with the same people.
        var to = author.All(a => a.Address.Equals(own)) && message.To.Count > 0 ? message.To : author;
        var cc = all ? message.To.Concat(message.Cc).Where(a => !a.Address.Equals(own) && to.All(t => !t.Address.Equals(a.Address))).DistinctBy(a => a.Address) : [];
        return new LetterFields(Join(to), Join(cc), Subject(message.Subject), Quote(message), null, null);
    }

    private static string Subject(string? subject) =>
        string.IsNullOrWhiteSpace(subject) ? "Re:" : subject.StartsWith("Re:", StringComparison.OrdinalIgnoreCase) ? subject : "Re: " + subject;

    private static string Quote(MimeMessage message)
    {
        var author = message.From.Count > 0 ? message.From[0].ToString() : "somebody";
        var at = message.Date is { } date ? date.ToString("d MMM yyyy, HH:mm", CultureInfo.InvariantCulture) + ", " : "";
        var lines = (message.TextBody ?? "").ReplaceLineEndings("\n").TrimEnd('\n').Split('\n').Select(l => l.StartsWith('>') ? ">" + l : "> " + l);
        return $"\n\n{at}{author} wrote:\n{string.Join('\n', lines)}\n";
    }

    private static string Join(IEnumerable<NamedAddress> addresses) => string.Join(", ", addresses);
}
