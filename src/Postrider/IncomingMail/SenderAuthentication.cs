using Postrider.Conversations;
using Postrider.Mail;
using Postrider.Mail.Mime;

namespace Postrider.IncomingMail;

/// <summary>Reads what the receiving server found out about the sender (RFC 8601). Only its own words count: anybody can write such a field into a mail before it sets out. Pure.</summary>
internal static class SenderAuthentication
{
    private const string Field = "Authentication-Results";
    // A field of results is some hundred characters; beyond this it is read no further.
    private const int MaxChars = 8_000;

    /// <param name="exchange">The message came out of a mailbox of Exchange Online, which puts a field without its own name on top.</param>
    /// <param name="servers">Other servers that are believed, by the name their field begins with.</param>
    public static SenderCheck Of(MimeMessage message, bool exchange, IReadOnlyCollection<string> servers)
    {
        if (message.From is not [var from, ..]) return SenderCheck.None;
        // A server puts its field above what was there: only the topmost can be its own.
        if (message.Header(Field) is not { } text) return SenderCheck.None;
        var (server, results) = Read(text.Length > MaxChars ? text[..MaxChars] : text);
        var own = server is null ? exchange : servers.Contains(server, StringComparer.OrdinalIgnoreCase) || (exchange && IsExchange(server));
        return own ? Judge(results, AliasName.DomainOf(from.Address)) : SenderCheck.None;
    }

    private static SenderCheck Judge(IReadOnlyList<MethodResult> results, string fromDomain)
    {
        var dmarc = results.FirstOrDefault(r => r.Method == "dmarc");
        // It must speak of the address that people see.
        if (dmarc is not null && dmarc.Properties.TryGetValue("header.from", out var about) && !SameDomain(about, fromDomain)) dmarc = null;
        if (dmarc?.Result == "fail") return SenderCheck.Failed;
        // Exchange's word for a domain without a DMARC record that would have passed.
        if (dmarc?.Result is "pass" or "bestguesspass") return SenderCheck.Passed;
        var spf = results.FirstOrDefault(r => r.Method == "spf" && r.Result == "pass");
        return spf is not null && spf.Properties.TryGetValue("smtp.mailfrom", out var sender) && IsAligned(DomainIn(sender), fromDomain) ? SenderCheck.Passed : SenderCheck.None;
    }

    private static bool IsExchange(string server) => server.EndsWith(".outlook.com", StringComparison.OrdinalIgnoreCase) || server.EndsWith(".office365.com", StringComparison.OrdinalIgnoreCase);

    // RFC 7489 section 3.1.2, relaxed, without a list of public suffixes: one is the other's parent, and has at least two labels.
    private static bool IsAligned(string domain, string fromDomain) =>
        SameDomain(domain, fromDomain) || (domain.Contains('.', StringComparison.Ordinal) && fromDomain.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase)) || (fromDomain.Contains('.', StringComparison.Ordinal) && domain.EndsWith("." + fromDomain, StringComparison.OrdinalIgnoreCase));

    private static bool SameDomain(string a, string b) => string.Equals(a.TrimEnd('.'), b.TrimEnd('.'), StringComparison.OrdinalIgnoreCase);

    private static string DomainIn(string value) => value[(value.LastIndexOf('@') + 1)..].Trim('"', '<', '>');

    private sealed record MethodResult(string Method, string Result, IReadOnlyDictionary<string, string> Properties);

    /// <returns>The server's name, null where the field begins with a result; and the results in order.</returns>
    private static (string? Server, IReadOnlyList<MethodResult> Results) Read(string text)
    {
        string? server = null;
        List<MethodResult> results = [];
        var first = true;
        foreach (var part in WithoutComments(text).Split(';'))
        {
            var words = part.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0)
            {
                first = false;
                continue;
            }
            if (first && !words[0].Contains('=', StringComparison.Ordinal))
            {
                server = words[0].TrimEnd('.');
            }
            else if (words[0].Split('=', 2) is [var method, var result])
            {
                var properties = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                foreach (var word in words.Skip(1)) if (word.Split('=', 2) is [var name, var value]) properties.TryAdd(name, value.Trim('"'));
                results.Add(new MethodResult(method.Split('/')[0].ToLowerInvariant(), result.ToLowerInvariant(), properties));
            }
            first = false;
        }
        return (server, results);
    }

    // Comments nest (RFC 5322 section 3.2.2); what stands in them was chosen by others: the sending host, for instance.
    private static string WithoutComments(string text)
    {
        var kept = new System.Text.StringBuilder(text.Length);
        var (depth, quoted) = (0, false);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\\' && i + 1 < text.Length && (depth > 0 || quoted))
            {
                i++;
                continue;
            }
            if (c == '"' && depth == 0) quoted = !quoted;
            if (!quoted && c == '(') depth++;
            else if (!quoted && c == ')' && depth > 0) depth--;
            // Within quotes a semicolon ends nothing.
            else if (depth == 0) kept.Append(quoted && (c is ';' or ' ') ? '_' : c);
        }
        return kept.ToString();
    }
}
