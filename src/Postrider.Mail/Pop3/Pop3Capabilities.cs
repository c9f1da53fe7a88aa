using System.Globalization;

namespace Postrider.Mail.Pop3;

/// <summary>What a server says it can do (CAPA, RFC 2449 section 6). Nothing for a server that does not know the command.</summary>
public sealed record Pop3Capabilities
{
    public static Pop3Capabilities None { get; } = new();

    /// <summary>The server has answered CAPA. Where it has not, USER and UIDL are tried all the same.</summary>
    public bool Known { get; init; }
    public bool User { get; init; }
    public bool Stls { get; init; }
    public bool Uidl { get; init; }
    public bool Pipelining { get; init; }
    /// <summary>Names of mechanisms in upper case (RFC 5034 section 3).</summary>
    public IReadOnlyList<string> Sasl { get; init; } = [];
    /// <summary>How long the server wants between two sign-ins; zero where it does not say (RFC 2449 section 6.5).</summary>
    public TimeSpan LoginDelay { get; init; }

    internal static Pop3Capabilities From(IReadOnlyList<string> lines)
    {
        var found = new Pop3Capabilities { Known = true };
        foreach (var line in lines)
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            found = words is [var name, ..] ? name.ToUpperInvariant() switch
            {
                "USER" => found with { User = true },
                "STLS" => found with { Stls = true },
                "UIDL" => found with { Uidl = true },
                "PIPELINING" => found with { Pipelining = true },
                "SASL" => found with { Sasl = [.. words.Skip(1).Select(w => w.ToUpperInvariant())] },
                "LOGIN-DELAY" when words.Length > 1 && int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) => found with { LoginDelay = TimeSpan.FromSeconds(Math.Min(seconds, 3600)) },
                _ => found,
            } : found;
        }
        return found;
    }
}
