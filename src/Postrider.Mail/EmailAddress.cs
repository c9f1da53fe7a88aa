using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail;

/// <summary>One address of RFC 5321 (a mailbox without a name): <c>local@domain</c>. Never holds CR, LF or NUL, so it cannot inject a command or a header.</summary>
public sealed class EmailAddress : IEquatable<EmailAddress>
{
    // RFC 5321 section 4.5.3.1.1 and 4.5.3.1.2, in octets; the local part counts in UTF-8 (RFC 6531 section 3.3).
    private const int LocalPartLimit = 64;
    private const int DomainLimit = 255;
    private const int LabelLimit = 63;

    private static readonly IdnMapping Idn = new() { AllowUnassigned = false, UseStd3AsciiRules = false };

    private readonly string _asciiDomain;

    private EmailAddress(string localPart, string domain, string asciiDomain)
    {
        LocalPart = localPart;
        Domain = domain;
        _asciiDomain = asciiDomain;
    }

    /// <summary>As given, case kept, without quotes.</summary>
    public string LocalPart { get; }

    /// <summary>Lower case; Unicode labels as given (see <see cref="Wire"/>).</summary>
    public string Domain { get; }

    /// <summary>True when the local part is not ASCII: the peer must offer SMTPUTF8 (RFC 6531).</summary>
    public bool NeedsSmtpUtf8 => !Ascii.IsValid(LocalPart);

    /// <summary>The domain in its ASCII form (IDNA, RFC 5890): letters that look like others cannot be told from them in <see cref="Domain"/>, but here.</summary>
    public string WireDomain => _asciiDomain;

    /// <summary>As it stands on the wire: domain in its ASCII form (IDNA), local part quoted where needed.</summary>
    public string Wire => Quoted(LocalPart) + "@" + _asciiDomain;

    /// <summary>For comparing and storing: local part in lower case, domain in its ASCII form, so both spellings of an international domain are one. Parses back to an equal address.</summary>
    public string Normalized => field ??= Quoted(LocalPart.ToLowerInvariant()) + "@" + _asciiDomain;

    /// <summary>Takes one address and nothing around it but spaces; no name, no angle brackets.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out EmailAddress? address)
    {
        address = null;
        if (text is null || text.Length > 2 * (LocalPartLimit + DomainLimit)) return false;
        var trimmed = text.Trim(' ');
        return SplitLocalPart(trimmed, out var localPart, out var domain) && TryMake(localPart, domain, out address);
    }

    /// <exception cref="FormatException">The text is not one address.</exception>
    public static EmailAddress Parse(string text) => TryParse(text, out var a) ? a : throw new FormatException("Not an e-mail address.");

    /// <summary>From the two sides of the @, already unquoted. Received mail holds addresses like <c>a..b.@example.com</c>: RFC 5321 would have them quoted, and <see cref="Wire"/> does.</summary>
    internal static bool TryMake(string localPart, string domain, [NotNullWhen(true)] out EmailAddress? address)
    {
        address = null;
        if (localPart.Length is 0 or > LocalPartLimit || domain.Length is 0 or > DomainLimit) return false;
        if (!IsClean(localPart) || !IsClean(domain)) return false;
        if (Encoding.UTF8.GetByteCount(localPart) > LocalPartLimit) return false;
        var lower = domain.ToLowerInvariant();
        var ascii = AsciiDomain(lower);
        if (ascii is null) return false;
        address = new EmailAddress(localPart, lower, ascii);
        return true;
    }

    /// <summary>Equal when <see cref="Normalized"/> is: mailboxes of Microsoft 365 do not tell case apart.</summary>
    public bool Equals(EmailAddress? other) => other is not null && other.Normalized == Normalized;

    public override bool Equals(object? obj) => Equals(obj as EmailAddress);
    public override int GetHashCode() => Normalized.GetHashCode(StringComparison.Ordinal);

    /// <summary>For people: the domain as it was given. Parses back to an equal address.</summary>
    public override string ToString() => Quoted(LocalPart) + "@" + Domain;

    // RFC 5322 section 3.2.3 atext, and everything beyond ASCII by RFC 6532.
    internal static bool IsAtomCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c >= 0x80 || "!#$%&'*+-/=?^_`{|}~".Contains(c, StringComparison.Ordinal);

    private static bool SplitLocalPart(string text, out string localPart, out string domain)
    {
        localPart = domain = "";
        if (text is not ['"', ..])
        {
            var at = text.LastIndexOf('@');
            if (at <= 0) return false;
            (localPart, domain) = (text[..at], text[(at + 1)..]);
            return IsDotAtom(localPart);
        }
        var unquoted = new StringBuilder();
        for (var i = 1; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\' when i + 1 < text.Length:
                    unquoted.Append(text[++i]);
                    break;
                case '"':
                    if (i + 1 >= text.Length || text[i + 1] != '@') return false;
                    (localPart, domain) = (unquoted.ToString(), text[(i + 2)..]);
                    return true;
                default:
                    unquoted.Append(text[i]);
                    break;
            }
        }
        return false;
    }

    private static bool IsDotAtom(string text)
    {
        if (text is ['.', ..] or [.., '.']) return false;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '.' ? text[i - 1] == '.' : !IsAtomCharacter(text[i]) || char.IsWhiteSpace(text[i])) return false;
        }
        return text.Length > 0;
    }

    private static string Quoted(string localPart)
    {
        if (IsDotAtom(localPart)) return localPart;
        var quoted = new StringBuilder("\"");
        foreach (var c in localPart)
        {
            if (c is '"' or '\\') quoted.Append('\\');
            quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    // Controls would inject; half surrogates cannot be written; signs that turn or hide text make one address look like another.
    private static bool IsClean(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsControl(c) || c is '\u2028' or '\u2029' or '\u200E' or '\u200F' or '\uFEFF' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069') or >= '\uFFF0') return false;
            if (!char.IsSurrogate(c)) continue;
            if (i + 1 >= text.Length || !char.IsSurrogatePair(c, text[i + 1])) return false;
            i++;
        }
        return true;
    }

    /// <returns>Null when it is no domain and no address literal.</returns>
    private static string? AsciiDomain(string domain)
    {
        if (domain is ['[', .., ']']) return IsAddressLiteral(domain) ? domain : null;
        var ascii = domain;
        if (!Ascii.IsValid(domain))
        {
            try
            {
                ascii = Idn.GetAscii(domain).ToLowerInvariant();
            }
            catch (ArgumentException)
            {
                return null; // The only way IdnMapping says "not a domain name".
            }
        }
        if (ascii.Length > DomainLimit) return null;
        var label = 0;
        for (var i = 0; i < ascii.Length; i++)
        {
            var c = ascii[i];
            if (c == '.')
            {
                if (label is 0 or > LabelLimit || ascii[i - 1] == '-') return null;
                label = 0;
                continue;
            }
            // The underscore is not in RFC 5321's Domain, but hosts with one do send mail.
            if (!char.IsAsciiLetterOrDigit(c) && c != '_' && (c != '-' || label == 0)) return null;
            label++;
        }
        return label is 0 or > LabelLimit || ascii[^1] == '-' ? null : ascii;
    }

    // RFC 5321 section 4.1.3.
    private static bool IsAddressLiteral(string domain)
    {
        var inner = domain.AsSpan(1, domain.Length - 2);
        if (inner.StartsWith("ipv6:", StringComparison.OrdinalIgnoreCase))
            return !inner.Contains('%') && IPAddress.TryParse(inner[5..], out var v6) && v6.AddressFamily == AddressFamily.InterNetworkV6;
        return inner.Count('.') == 3 && !inner.ContainsAnyExceptInRange('.', '9') && IPAddress.TryParse(inner, out _);
    }
}

/// <summary>An address with the name a person sees. <see cref="Name"/> is null when there is none.</summary>
public sealed record NamedAddress(string? Name, EmailAddress Address)
{
    /// <summary>For people: <c>"Ann" &lt;ann@example.com&gt;</c> or the bare address. Not for headers: the writer encodes.</summary>
    public override string ToString() =>
        Name is null ? Address.ToString() : $"\"{Name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\" <{Address}>";
}

/// <summary>An address list of RFC 5322 section 3.4 with its obsolete forms; groups are flattened. What could not be read stands in <see cref="Defects"/>.</summary>
public sealed record AddressList(IReadOnlyList<NamedAddress> Addresses, IReadOnlyList<MimeDefect> Defects)
{
    /// <summary>Never throws. Takes decoded or raw header text; encoded words (RFC 2047) in names are decoded. Reads at most <see cref="MimeLimits.Addresses"/> of the default limits.</summary>
    public static AddressList Parse(string? text) => Parse(text, MimeLimits.Default.Addresses);

    internal static AddressList Parse(string? text, int limit) => string.IsNullOrEmpty(text) ? new([], []) : AddressListReader.Read(text, limit);
}
