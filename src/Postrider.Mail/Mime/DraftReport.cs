using System.Globalization;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>What became of a message for one recipient (RFC 3464 section 2.3).</summary>
/// <param name="Action">failed, delayed, delivered, relayed or expanded.</param>
/// <param name="Status">An enhanced status code, such as <c>5.1.1</c>.</param>
public sealed record DraftReportRecipient(EmailAddress Recipient, string Action, string Status)
{
    /// <summary>As the sender named it, from ORCPT; null: not known.</summary>
    public EmailAddress? Original { get; init; }
    /// <summary>The host that said so; null: nobody else did.</summary>
    public string? RemoteMta { get; init; }
    /// <summary>The reply of that host, as one line or several; null: there was none.</summary>
    public string? Diagnostic { get; init; }
    public DateTimeOffset? LastAttempt { get; init; }
    /// <summary>Of a delayed message; null: not known.</summary>
    public DateTimeOffset? RetryUntil { get; init; }
}

/// <summary>A delivery status notification (RFC 3464).</summary>
/// <param name="ReportingMta">The host name of who reports.</param>
/// <param name="Recipients">At least one.</param>
/// <param name="Original">The message, in CRLF form.</param>
public sealed record DraftReport(string ReportingMta, IReadOnlyList<DraftReportRecipient> Recipients, ReadOnlyMemory<byte> Original)
{
    /// <summary>RET=FULL of RFC 3461. A message that the peer cannot take as it is comes back as its header all the same.</summary>
    public bool ReturnWhole { get; init; }
    /// <summary>From ENVID; null: none was given.</summary>
    public string? EnvelopeId { get; init; }
    public DateTimeOffset? Arrival { get; init; }

    /// <summary>The fields of <c>message/delivery-status</c>, all in ASCII and in lines of at most 998.</summary>
    internal byte[] Fields()
    {
        var fields = new StringBuilder();
        if (EnvelopeId is { } id) Field("Original-Envelope-Id", id);
        Field("Reporting-MTA", "dns; " + ReportingMta);
        Field("Arrival-Date", Date(Arrival));
        foreach (var recipient in Recipients)
        {
            fields.Append("\r\n");
            Field("Original-Recipient", recipient.Original is { } original ? Address(original) : null);
            Field("Final-Recipient", Address(recipient.Recipient));
            Field("Action", recipient.Action);
            Field("Status", recipient.Status);
            Field("Remote-MTA", recipient.RemoteMta is { } mta ? "dns; " + mta : null);
            Field("Diagnostic-Code", recipient.Diagnostic is { } said ? "smtp; " + said : null);
            Field("Last-Attempt-Date", Date(recipient.LastAttempt));
            Field("Will-Retry-Until", Date(recipient.RetryUntil));
        }
        return Encoding.ASCII.GetBytes(fields.ToString());

        void Field(string name, string? value)
        {
            if (value is null) return;
            const int Line = 200; // folded at a space, or cut there
            fields.Append(name).Append(':');
            var column = name.Length + 1;
            foreach (var word in HeaderText.Breakless(value).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                if (column > 70) (_, column) = (fields.Append("\r\n"), 0);
                fields.Append(' ');
                foreach (var c in word.AsSpan(0, Math.Min(word.Length, Line))) fields.Append(c is > ' ' and <= '~' ? c : '?');
                column += word.Length + 1;
            }
            fields.Append("\r\n");
        }
    }

    // RFC 6533 section 3: in a 7-bit report what is not ASCII stands as \x{HEX}.
    private static string Address(EmailAddress address)
    {
        if (!address.NeedsSmtpUtf8) return "rfc822; " + address.Wire;
        var text = new StringBuilder("utf-8; ");
        foreach (var rune in address.Wire.EnumerateRunes())
        {
            if (rune.IsAscii && rune.Value is not ('\\' or '+' or '=')) text.Append(rune.ToString());
            else text.Append(CultureInfo.InvariantCulture, $"\\x{{{rune.Value:X2}}}");
        }
        return text.ToString();
    }

    private static string? Date(DateTimeOffset? date) => date is { } known ? MessageWriter.Date(known) : null;
}
