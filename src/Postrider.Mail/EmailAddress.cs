namespace Postrider.Mail;

/// <summary>One address of RFC 5321 (a mailbox without a name): <c>local@domain</c>. Never holds CR, LF or NUL, so it cannot inject a command or a header.</summary>
public sealed class EmailAddress : IEquatable<EmailAddress>
{
    private EmailAddress(string localPart, string domain) => (LocalPart, Domain) = (localPart, domain);

    /// <summary>As given, case kept, without quotes.</summary>
    public string LocalPart { get; }

    /// <summary>Lower case; Unicode labels as given (see <see cref="Wire"/>).</summary>
    public string Domain { get; }

    /// <summary>True when the local part is not ASCII: the peer must offer SMTPUTF8 (RFC 6531).</summary>
    public bool NeedsSmtpUtf8 => throw new NotImplementedException();

    /// <summary>As it stands on the wire: domain in its ASCII form (IDNA), local part quoted where needed.</summary>
    public string Wire => throw new NotImplementedException();

    /// <summary>For comparing and storing: local part and domain in lower case.</summary>
    public string Normalized => throw new NotImplementedException();

    public static bool TryParse(string? text, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out EmailAddress? address) => throw new NotImplementedException();

    /// <exception cref="FormatException">The text is not one address.</exception>
    public static EmailAddress Parse(string text) => TryParse(text, out var a) ? a : throw new FormatException("Not an e-mail address.");

    /// <summary>Equal when <see cref="Normalized"/> is: mailboxes of Microsoft 365 do not tell case apart.</summary>
    public bool Equals(EmailAddress? other) => other is not null && other.Normalized == Normalized;

    public override bool Equals(object? obj) => Equals(obj as EmailAddress);
    public override int GetHashCode() => Normalized.GetHashCode(StringComparison.Ordinal);
    public override string ToString() => LocalPart + "@" + Domain;
}

/// <summary>An address with the name a person sees. <see cref="Name"/> is null when there is none.</summary>
public sealed record NamedAddress(string? Name, EmailAddress Address)
{
    /// <summary>For people: <c>"Ann" &lt;ann@example.com&gt;</c> or the bare address. Not for headers: the writer encodes.</summary>
    public override string ToString() => throw new NotImplementedException();
}

/// <summary>An address list of RFC 5322 section 3.4 with its obsolete forms; groups are flattened. What could not be read stands in <see cref="Defects"/>.</summary>
public sealed record AddressList(IReadOnlyList<NamedAddress> Addresses, IReadOnlyList<string> Defects)
{
    /// <summary>Never throws. Takes decoded or raw header text; encoded words (RFC 2047) in names are decoded.</summary>
    public static AddressList Parse(string? text) => throw new NotImplementedException();
}
