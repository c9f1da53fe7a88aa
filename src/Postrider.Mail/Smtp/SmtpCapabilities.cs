using System.Globalization;

namespace Postrider.Mail.Smtp;

/// <summary>What the server offered in EHLO (after TLS).</summary>
/// <param name="Greeting">Text of the first line: the server's name and what it adds.</param>
/// <param name="Lines">The other lines as they came.</param>
/// <param name="Size">Bytes; 0: SIZE without a limit; null: SIZE is not offered.</param>
/// <param name="AuthMechanisms">Upper case.</param>
public sealed record SmtpCapabilities(string Greeting, IReadOnlyList<string> Lines, long? Size, bool EightBitMime, bool SmtpUtf8, bool Pipelining, bool Chunking, bool Dsn, IReadOnlyList<string> AuthMechanisms)
{
    internal bool StartTls { get; private init; }

    /// <summary>RFC 3030 section 3, with <see cref="Chunking"/>.</summary>
    public bool BinaryMime { get; private init; }

    /// <summary>Recipients of one message (RFC 9422); null: not said.</summary>
    public int? MaxRecipients { get; private init; }

    /// <summary>Messages over one connection (RFC 9422); null: not said.</summary>
    public int? MaxMessages { get; private init; }

    /// <summary>Of a server that knows HELO only.</summary>
    internal static SmtpCapabilities None(string greeting) => new(greeting, [], null, false, false, false, false, false, []);

    internal static SmtpCapabilities From(IReadOnlyList<string> reply)
    {
        long? size = null;
        int? recipients = null, messages = null;
        var auth = new List<string>();
        var words = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in reply.Skip(1))
        {
            // "AUTH=LOGIN" is how servers of the nineties wrote it.
            var parts = line.Replace("AUTH=", "AUTH ", StringComparison.OrdinalIgnoreCase).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length == 0) continue;
            words.Add(parts[0]);
            if (parts[0].Equals("SIZE", StringComparison.OrdinalIgnoreCase))
                size = parts.Length > 1 && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0;
            else if (parts[0].Equals("LIMITS", StringComparison.OrdinalIgnoreCase))
                (recipients, messages) = (Limit(parts, "RCPTMAX="), Limit(parts, "MAILMAX="));
            else if (parts[0].Equals("AUTH", StringComparison.OrdinalIgnoreCase))
                auth.AddRange(parts.Skip(1).Select(m => m.ToUpperInvariant()).Where(m => !auth.Contains(m, StringComparer.Ordinal)));
        }
        return new(reply[0], [.. reply.Skip(1)], size, words.Contains("8BITMIME"), words.Contains("SMTPUTF8"), words.Contains("PIPELINING"), words.Contains("CHUNKING"), words.Contains("DSN"), auth)
        {
            StartTls = words.Contains("STARTTLS"),
            BinaryMime = words.Contains("BINARYMIME"),
            MaxRecipients = recipients,
            MaxMessages = messages,
        };
    }

    // RFC 9422 section 4: a value is a number from 1 up; what is not counts as not said.
    private static int? Limit(string[] parts, string name) =>
        parts.FirstOrDefault(p => p.StartsWith(name, StringComparison.OrdinalIgnoreCase)) is { } part && int.TryParse(part.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit > 0 ? limit : null;
}
