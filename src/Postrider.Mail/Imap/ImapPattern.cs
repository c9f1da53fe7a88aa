namespace Postrider.Mail.Imap;

/// <summary>The wildcards of LIST (RFC 3501 section 6.3.8).</summary>
internal static class ImapPattern
{
    /// <summary><c>*</c> stands for anything, <c>%</c> for anything without the delimiter; INBOX is compared without case. Takes time proportional to both lengths' product, whatever the pattern.</summary>
    public static bool Matches(string pattern, string name, char delimiter)
    {
        // reachable[i]: the pattern so far can end before name[i].
        var reachable = new bool[name.Length + 1];
        reachable[0] = true;
        var ignoreCase = name.Equals("INBOX", StringComparison.OrdinalIgnoreCase);
        foreach (var p in pattern)
        {
            var next = new bool[name.Length + 1];
            for (var i = 0; i <= name.Length; i++)
            {
                if (p is '*' or '%') next[i] = reachable[i] || (i > 0 && next[i - 1] && (p == '*' || name[i - 1] != delimiter));
                else next[i] = i > 0 && reachable[i - 1] && (name[i - 1] == p || (ignoreCase && char.ToUpperInvariant(name[i - 1]) == char.ToUpperInvariant(p)));
            }
            reachable = next;
        }
        return reachable[name.Length];
    }
}
