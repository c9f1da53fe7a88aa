using System.Globalization;
using System.Text;

namespace Postrider.Storage;

/// <summary>The hub's SQL is written for SQLite in words that PostgreSQL knows too; what remains is said here. Strings, quoted names and comments are left as they are.</summary>
internal static class PostgresText
{
    /// <summary>Column types and table options of a migration.</summary>
    public static string OfMigration(string sql)
    {
        var made = new StringBuilder(sql.Length);
        var words = Pieces(sql).ToList();
        for (var i = 0; i < words.Count; i++)
        {
            var (kind, text) = words[i];
            if (kind != Piece.Word)
            {
                made.Append(text);
            }
            else if (Is(text, "STRICT"))
            {
                DropOption();
            }
            else if (Is(text, "WITHOUT") && words.FindIndex(i + 1, piece => piece.Kind == Piece.Word) is var next and > 0 && Is(words[next].Text, "ROWID"))
            {
                DropOption();
                i = next;
            }
            else
            {
                made.Append(TypeOf(text));
            }
        }

        return made.ToString();

        // With the comma before it, where there is one: STRICT, WITHOUT ROWID.
        void DropOption()
        {
            var end = made.Length;
            while (end > 0 && char.IsWhiteSpace(made[end - 1])) end--;
            if (end > 0 && made[end - 1] == ',') end--;
            made.Length = end;
        }
    }

    /// <summary>Named parameters become numbered ones.</summary>
    /// <returns>The text with $1, $2..., and the names in that order, each once and without @.</returns>
    public static (string Sql, IReadOnlyList<string> Names) Numbered(string sql)
    {
        var made = new StringBuilder(sql.Length);
        var names = new List<string>();
        foreach (var (kind, text) in Pieces(sql))
        {
            if (kind != Piece.Parameter)
            {
                made.Append(text);
                continue;
            }

            var at = names.FindIndex(name => Is(name, text[1..]));
            if (at < 0)
            {
                at = names.Count;
                names.Add(text[1..]);
            }

            made.Append(CultureInfo.InvariantCulture, $"${at + 1}");
        }

        return (made.ToString(), names);
    }

    /// <summary>PostgreSQL's texts hold neither NUL nor half a surrogate pair, and mail may bring either: U+FFFD stands for them, as it does in SQLite for the latter.</summary>
    public static string Storable(string text)
    {
        if (!text.Contains('\0', StringComparison.Ordinal) && text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0) return text;
        var made = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) made.Append(rune.Value == 0 ? Rune.ReplacementChar : rune);
        return made.ToString();
    }

    private static string TypeOf(string word) => word.ToUpperInvariant() switch
    {
        "BLOB" => "BYTEA",
        "INTEGER" => "BIGINT",
        "REAL" => "DOUBLE PRECISION",
        _ => word,
    };

    private static bool Is(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<(Piece Kind, string Text)> Pieces(string sql)
    {
        for (var at = 0; at < sql.Length;)
        {
            var (kind, end) = PieceAt(sql, at);
            yield return (kind, sql[at..end]);
            at = end;
        }
    }

    private static (Piece Kind, int End) PieceAt(string sql, int at) => sql[at] switch
    {
        // A doubled quote is the end of one piece and the beginning of the next, which comes to the same.
        '\'' or '"' => (Piece.Other, After(sql, sql[at].ToString(), at + 1)),
        '-' when Next(sql, at) == '-' => (Piece.Other, After(sql, "\n", at)),
        '/' when Next(sql, at) == '*' => (Piece.Other, After(sql, "*/", at + 2)),
        '@' when IsWord(Next(sql, at)) => (Piece.Parameter, EndOfWord(sql, at + 1)),
        var c when IsWord(c) => (Piece.Word, EndOfWord(sql, at)),
        _ => (Piece.Other, at + 1),
    };

    private static char Next(string sql, int at) => at + 1 < sql.Length ? sql[at + 1] : '\0';

    private static int After(string sql, string end, int from) => sql.IndexOf(end, Math.Min(from, sql.Length), StringComparison.Ordinal) is >= 0 and var found ? found + end.Length : sql.Length;

    private static int EndOfWord(string sql, int at)
    {
        while (at < sql.Length && IsWord(sql[at])) at++;
        return at;
    }

    private static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    private enum Piece
    {
        Word,
        Parameter,
        Other,
    }
}
