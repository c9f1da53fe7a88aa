using System.Globalization;
using System.Text;

namespace Postrider.Mail.Smtp;

/// <summary>What the bytes of a message are, so that a server that cannot take them is not asked.</summary>
public enum SmtpBodyKind
{
    /// <summary>Not looked at: 8BITMIME is declared where it is offered; without it a message that turns out to have 8-bit bytes ends the connection.</summary>
    Unknown,
    /// <summary>ASCII in lines of at most 998 octets.</summary>
    SevenBit,
    /// <summary>Needs 8BITMIME (RFC 6152).</summary>
    EightBit,
    /// <summary>Long lines, NUL, or CR and LF that are no line ends: needs BINARYMIME with CHUNKING (RFC 3030), and goes as it is.</summary>
    Binary,
}

/// <summary>When a delivery status notification is asked for (RFC 3461 section 4.1). None of the three: never.</summary>
[Flags]
public enum SmtpNotify
{
    Never = 0,
    Success = 1,
    Failure = 2,
    Delay = 4,
}

/// <summary>Parameters of RFC 3461, sent only where the server offers DSN; <see cref="SmtpSendResult.DsnAsked"/> tells whether they were.</summary>
public sealed record SmtpDsn
{
    /// <summary>RET: true the whole message, false its headers; null leaves it to the server.</summary>
    public bool? ReturnWhole { get; init; }

    /// <summary>ENVID: comes back in the notification. At most 100 characters of printable ASCII (RFC 3461 section 4.4); null: none.</summary>
    public string? EnvelopeId { get; init; }

    /// <summary>NOTIFY, for all recipients; null leaves it to the server.</summary>
    public SmtpNotify? Notify { get; init; }

    /// <summary>ORCPT: each recipient's own address as the original one, so that a notification names it whatever became of it on the way.</summary>
    public bool OriginalRecipients { get; init; }

    /// <summary>By place in <see cref="SmtpMessage.Recipients"/>, as <see cref="SmtpEnvelope.Dsn"/> had it: takes the place of <see cref="Notify"/> and <see cref="OriginalRecipients"/>. Null: those hold for all.</summary>
    public IReadOnlyList<SmtpDsnRecipient>? Recipients { get; init; }

    internal const int EnvelopeIdLimit = 100;

    internal void AppendToMail(StringBuilder command)
    {
        if (ReturnWhole is { } whole) command.Append(whole ? " RET=FULL" : " RET=HDRS");
        if (EnvelopeId is { } id) AppendXtext(command.Append(" ENVID="), id);
    }

    internal void AppendToRcpt(StringBuilder command, EmailAddress recipient, int place)
    {
        var asked = Recipients?[place];
        if ((Recipients is null ? Notify : asked?.Notify) is { } notify)
        {
            command.Append(" NOTIFY=");
            if (notify == SmtpNotify.Never) command.Append("NEVER");
            else command.AppendJoin(',', Enum.GetValues<SmtpNotify>().Where(n => n != SmtpNotify.Never && notify.HasFlag(n)).Select(n => n.ToString().ToUpperInvariant()));
        }
        if (asked?.OriginalRecipient is { } original && original.IndexOf(';', StringComparison.Ordinal) is > 0 and var semicolon) AppendXtext(command.Append(" ORCPT=").Append(original.AsSpan(0, semicolon + 1)), original[(semicolon + 1)..]);
        // An address in UTF-8 has a type of its own (RFC 6533 section 3), which servers without it would not understand.
        else if (Recipients is null && OriginalRecipients && !recipient.NeedsSmtpUtf8) AppendXtext(command.Append(" ORCPT=rfc822;"), recipient.Wire);
    }

    /// <summary>RFC 3461 section 4: everything but printable ASCII, and + and =, as +XX.</summary>
    private static void AppendXtext(StringBuilder into, string text)
    {
        foreach (var c in text)
        {
            if (c is > ' ' and <= '~' and not ('+' or '=')) into.Append(c);
            else into.Append(CultureInfo.InvariantCulture, $"+{(int)c:X2}");
        }
    }
}

/// <summary>A message and its envelope.</summary>
/// <param name="Sender">Null is the null reverse-path.</param>
/// <param name="Recipients">At least one.</param>
/// <param name="Body">Read once, to its end, just before the server may hold the whole message; not disposed. In CRLF form, unless <see cref="SmtpBodyKind.Binary"/>; a CR or LF alone becomes CRLF.</param>
/// <param name="Size">Bytes, declared with SIZE where offered; null when not known.</param>
public sealed record SmtpMessage(EmailAddress? Sender, IReadOnlyList<EmailAddress> Recipients, Stream Body, long? Size)
{
    public SmtpBodyKind Kind { get; init; }

    /// <summary>Its header is in UTF-8 (RFC 6532), so that it goes only where SMTPUTF8 is offered, whatever its addresses are.</summary>
    public bool Utf8Header { get; init; }

    /// <summary>Null: nothing is asked.</summary>
    public SmtpDsn? Dsn { get; init; }
}
