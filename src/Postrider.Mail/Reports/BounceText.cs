using System.Text;
using Postrider.Mail.Content;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Reports;

/// <summary>
/// What a mail server wrote for people, read by its structure: a text that names addresses, each with what was said of it, and then the mail that came back. That is common to qmail, Exim, sendmail, Postfix,
/// Notes, the webmail providers and the mobile carriers; what differs is the words that part the two, and the words for the reasons (<see cref="BounceReasons"/>).
/// </summary>
internal sealed class BounceText
{
    private const int Looked = 256 << 10;
    private const int MostLines = 4000;
    private const int MostAbout = 2000;
    private const int LongestLine = 998;

    // Each begins the mail that came back, wherever in a line it stands; compared in lower case.
    private static readonly string[] Markers =
    [
        "copy of the message", "copy of your message", "original message follows", "original message -", "----- original message", "--- original message", "message headers follow", "unsent message below", "returned message follows", "message header follows",
        "message contents follow", "below this line is", "copy of the original message", "original mail as follows", "the header of the original message", "headers of the original", "original message headers", "received message follows", "your message follows", "returned content", "returned message:", "text of your message follows",
        "original message text", "original headers", "message text follows", "the first part of the message", "content-type: message/rfc822", "begin returned message", "----- original -----", "following is a copy", "original-message", "--- the original message", "a copy of the original", "message header:", "forwarded message", "your original message",
    ];

    // Addresses behind these are not the ones that mail did not reach.
    private static readonly string[] NotRecipients = ["mail from:", "from:", "sender", "contact", "postmaster", "reply-to:", "return-path:", "please send", "send mail to", "e-mail to", "envelope-from", "administrator", "helo", "message-id", "mailto:", "help", "support", "report to", "to the address"];

    private readonly List<string> _lines;
    private readonly List<(EmailAddress Address, int Line, bool Alone)> _addresses;

    private BounceText(List<string> lines, OriginalMail original)
    {
        _lines = lines;
        Original = original;
        Zone = string.Join('\n', lines);
        _addresses = [.. Find(lines)];
    }

    /// <summary>The text up to the mail that came back.</summary>
    public string Zone { get; }

    /// <summary>What came back within the text.</summary>
    public OriginalMail Original { get; }

    /// <summary>The one address that the text speaks of; null when there are none or several.</summary>
    public EmailAddress? OnlyAddress => _addresses.Select(a => a.Address).Distinct().Take(2).ToList() is [var only] ? only : null;

    public static BounceText Of(MimeMessage message, ReportParts parts)
    {
        var texts = parts.Texts.Count > 0 ? parts.Texts : message.Root.Children.Count == 0 ? [message.Root] : [];
        var text = string.Join('\n', texts.Take(3).Select(part => part.MediaType == "text/html" ? HtmlText.Read(part.DecodeText()).Text : part.DecodeText()));
        if (text.Length > Looked) text = text[..Looked];
        var lines = text.ReplaceLineEndings("\n").Split('\n', MostLines + 1);
        // RFC 5322 section 2.1.1: no line of mail is longer; one that is says nothing more to a reader either.
        for (var i = 0; i < lines.Length; i++) if (lines[i].Length > LongestLine) lines[i] = lines[i][..LongestLine];
        var end = Math.Min(lines.Length, MostLines);
        var (from, kept) = (-1, end);
        for (var i = 0; i < end; i++)
        {
            var lower = lines[i].ToLowerInvariant();
            if (Markers.Any(m => lower.Contains(m, StringComparison.Ordinal)))
            {
                (kept, from) = (i, i + 1);
                break;
            }
            if (!StartsMail(lines, i, end)) continue;
            (kept, from) = (i, i);
            break;
        }
        // A text that begins with the marker keeps what it has.
        if (kept == 0 && !lines.Skip(1).Any(l => l.Contains('@', StringComparison.Ordinal))) kept = end;
        var original = OriginalMail.None;
        if (from >= 0)
        {
            while (from < end && (lines[from].Trim().Length == 0 || !lines[from].Contains(':', StringComparison.Ordinal))) from++;
            var rest = string.Join("\r\n", lines.Skip(from).Take(300).Select(l => l.TrimStart('>', ' ') is var bare && bare.Length > 0 && l.Length > 0 && l[0] is '>' ? bare : l));
            if (rest.Length > 0) original = OriginalMail.Of(MimeMessage.Read(Encoding.UTF8.GetBytes(rest)));
        }
        return new BounceText([.. lines.Take(kept)], original);
    }

    /// <summary>What is said of an address: its line and those behind it, up to the next one's.</summary>
    public string? About(EmailAddress address)
    {
        var at = _addresses.FindIndex(a => a.Address.Equals(address));
        if (at < 0) return null;
        var line = _addresses[at].Line;
        var next = _addresses.Skip(at + 1).FirstOrDefault(a => !a.Address.Equals(address) && a.Alone && a.Line > line).Line;
        if (_addresses.Where(a => a.Alone).Select(a => a.Address).Distinct().Count() <= 1) return Zone;
        var about = string.Join('\n', _lines.Skip(line).Take((next > line ? next : _lines.Count) - line));
        return about.Length > MostAbout ? about[..MostAbout] : about;
    }

    /// <summary>Those that the mail did not reach.</summary>
    public List<ReportedRecipient> Recipients(MimeMessage report, OriginalMail original)
    {
        var named = report.Root.Find("X-Failed-Recipients") is { } field ? AddressList.Parse(HeaderText.Unfold(field.RawValue.Span)).Addresses.Select(a => a.Address).Distinct().ToList() : [];
        var source = ReportSource.Header;
        if (named.Count == 0)
        {
            source = ReportSource.Text;
            // Who gets the report wrote the mail, and who wrote the report is a server.
            var not = report.To.Concat(report.From).Select(a => a.Address).ToHashSet();
            var candidates = _addresses.Where(a => !not.Contains(a.Address)).ToList();
            named = candidates.Where(a => a.Alone).Select(a => a.Address).Distinct().ToList();
            if (named.Count == 0) named = candidates.Select(a => a.Address).Distinct().Take(1).ToList();
            if (named.Count == 0) named = _addresses.Where(a => a.Alone).Select(a => a.Address).Distinct().Take(1).ToList();
        }
        if (named.Count == 0)
        {
            source = ReportSource.Original;
            named = [.. (original.Recipients.Count > 0 ? original : Original).Recipients.Distinct().Take(1)];
        }
        var delayed = IsDelay(report);
        var found = new List<ReportedRecipient>();
        foreach (var address in named.Take(MailReport.MaxRecipients))
        {
            var said = named.Count == 1 ? Zone : About(address) ?? Zone;
            var status = StatusCode.First(said);
            var code = StatusCode.Reply(said);
            if (status is not null && code is not null && status[0] != '2' && status[0] - '0' != code / 100 && code >= 400) status = null;
            var reason = BounceReasons.Of(said, status?[0] is '2' ? null : status, code, Zone);
            var permanent = StatusCode.Permanent(status?[0] is '2' ? null : status, code, reason, delayed);
            found.Add(new(address, null, delayed ? "delayed" : "failed", status, code, Shortened(said), null, reason, permanent, source));
        }
        return found;
    }

    private bool IsDelay(MimeMessage report)
    {
        var subject = (report.Subject ?? "").ToLowerInvariant();
        if (subject.Contains("delay", StringComparison.Ordinal) || subject.StartsWith("warning: could not send", StringComparison.Ordinal)) return !subject.Contains("fail", StringComparison.Ordinal);
        return Zone.Contains("THIS IS A WARNING MESSAGE ONLY", StringComparison.Ordinal) || Zone.Contains("has not yet been delivered", StringComparison.OrdinalIgnoreCase);
    }

    private static string Shortened(string text) => (text.Length > MostAbout ? text[..MostAbout] : text).Trim();

    /// <summary>Three lines in a row that are fields every mail has.</summary>
    private static bool StartsMail(string[] lines, int at, int end)
    {
        var line = lines[at].TrimStart('>', ' ');
        if (!IsMailField(line)) return false;
        var fields = 0;
        for (var i = at; i < end && i < at + 12 && fields < 3; i++)
        {
            var next = lines[i].TrimStart('>');
            if (next.Trim().Length == 0) return false;
            if (IsMailField(next.TrimStart())) fields++;
            else if (next[0] is not (' ' or '\t') && !next.Contains(": ", StringComparison.Ordinal)) return false;
        }
        return fields >= 3;
    }

    private static bool IsMailField(string line)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        return colon is > 1 and < 20 && line[..colon].ToLowerInvariant() is "received" or "return-path" or "message-id" or "mime-version" or "subject" or "date" or "delivered-to" or "content-type" or "x-mailer" or "from" or "to" or "dkim-signature" or "reply-to" && !line.Contains("RCPT", StringComparison.Ordinal);
    }

    private static IEnumerable<(EmailAddress, int, bool)> Find(List<string> lines)
    {
        for (var i = 0; i < lines.Count; i++)
        {
            var line = lines[i];
            for (var at = line.IndexOf('@', StringComparison.Ordinal); at >= 0; at = line.IndexOf('@', at + 1))
            {
                var start = at;
                while (start > 0 && at - start < 65 && (EmailAddress.IsAtomCharacter(line[start - 1]) || line[start - 1] == '.') && line[start - 1] is not ('\'' or '=' or '`')) start--;
                var end = at + 1;
                while (end < line.Length && end - at < 255 && (char.IsLetterOrDigit(line[end]) || line[end] is '.' or '-' or '_')) end++;
                var text = line[start..end].TrimEnd('.', '-');
                if (start == at || !text.AsSpan(at - start).Contains('.') || !EmailAddress.TryParse(text, out var address)) continue;
                var before = line[..start].Trim(' ', '\t', '<', '"', '\'', '(', '*', '>', '-');
                var after = end < line.Length ? line[end..].Trim() : "";
                var lower = before.ToLowerInvariant();
                if (NotRecipients.Any(n => lower.Contains(n, StringComparison.Ordinal)) && !lower.Contains("rcpt to:", StringComparison.Ordinal) && !lower.Contains("recipient", StringComparison.Ordinal)) continue;
                if (lower.Contains("http", StringComparison.Ordinal)) continue;
                var alone = before.Length == 0 || lower.EndsWith("rcpt to:", StringComparison.Ordinal) || lower.EndsWith("recipient:", StringComparison.Ordinal) || lower.EndsWith("rfc822;", StringComparison.Ordinal) || lower.EndsWith("to:", StringComparison.Ordinal)
                    || (after.Length <= 2 && lower.EndsWith("delivering your mail to", StringComparison.Ordinal));
                // An address within a sentence that begins with it is a subject of its own, unless it is a host's word: "<x@y>... User unknown" belongs to the reply before it.
                if (before.Length > 0 && char.IsAsciiDigit(before[^1])) alone = before.Length == 3 && after.StartsWith(">...", StringComparison.Ordinal);
                yield return (address, i, alone);
            }
        }
    }
}
