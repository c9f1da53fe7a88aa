using System.Globalization;
using Postrider.Mail;

namespace Postrider.OutgoingServers;

/// <summary>Which senders a server is for: addresses and domains, separated by commas. The name of a sender plays no part.</summary>
internal sealed class FromFilter
{
    private FromFilter(IReadOnlyList<EmailAddress> addresses, IReadOnlyList<string> domains) => (Addresses, Domains) = (addresses, domains);

    public static FromFilter Empty { get; } = new([], []);

    public IReadOnlyList<EmailAddress> Addresses { get; }

    /// <summary>In ASCII form, lower case. A domain does not stand for its subdomains.</summary>
    public IReadOnlyList<string> Domains { get; }

    /// <summary>Admits everything when a given address is asked about; in choosing a server it is never a match, only a late fallback.</summary>
    public bool IsEmpty => Addresses.Count == 0 && Domains.Count == 0;

    /// <summary>Never throws: parts that cannot be read admit nobody. <see cref="WhatIsWrong"/> tells them to a person.</summary>
    public static FromFilter Parse(string? text)
    {
        var addresses = new List<EmailAddress>();
        var domains = new List<string>();
        foreach (var part in Parts(text))
        {
            if (part.Contains('@', StringComparison.Ordinal))
            {
                if (AddressOf(part) is { } address) addresses.Add(address);
            }
            else if (AsciiDomain(part) is { } domain)
            {
                domains.Add(domain);
            }
        }

        // A filter whose every part is unreadable must not turn into "admits everything".
        return addresses.Count == 0 && domains.Count == 0 && Parts(text).Length > 0 ? new FromFilter([], ["invalid."]) : new FromFilter(addresses, domains);
    }

    /// <returns>Null when every part is an address or a domain.</returns>
    public static string? WhatIsWrong(string? text)
    {
        foreach (var part in Parts(text))
        {
            if (part.StartsWith('@')) return $"“{part}”: write the domain without @.";
            if (part.Contains('*', StringComparison.Ordinal)) return $"“{part}”: there are no wildcards; list each domain.";
            if (part.Contains('@', StringComparison.Ordinal) ? AddressOf(part) is null : AsciiDomain(part) is null)
                return $"“{part}” is neither an address nor a domain.";
        }

        return null;
    }

    public bool HasAddress(EmailAddress sender) => Addresses.Contains(sender);

    public bool HasDomainOf(EmailAddress sender) => AsciiDomain(sender.Domain) is { } domain && Domains.Contains(domain);

    public bool Admits(EmailAddress sender) => IsEmpty || HasAddress(sender) || HasDomainOf(sender);

    // People paste an address as their mail program shows it: Ann <ann@example.com>. A line break is no folding here.
    private static EmailAddress? AddressOf(string part) =>
        EmailAddress.TryParse(part, out var address) ? address : part.Any(char.IsControl) ? null : AddressList.Parse(part) is { Addresses: [var one], Defects.Count: 0 } ? one.Address : null;

    private static string[] Parts(string? text) => (text ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static string? AsciiDomain(string domain)
    {
        try
        {
            var ascii = new IdnMapping { UseStd3AsciiRules = true }.GetAscii(domain).ToLowerInvariant();
            return ascii.Length <= 253 && !ascii.EndsWith('.') ? ascii : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
