using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postrider.Mail.Imap;

internal enum ImapFetchKind
{
    Flags,
    Uid,
    InternalDate,
    Size,
    Envelope,
    /// <summary>BODY without a section: the structure without its extensions.</summary>
    Body,
    BodyStructure,
    Section,
    ModSeq,
    /// <summary>A part with its transfer encoding taken off (RFC 3516 section 4.2).</summary>
    Binary,
    BinarySize,
}

internal enum ImapSectionText
{
    /// <summary>All of the part.</summary>
    Whole,
    Header,
    HeaderFields,
    HeaderFieldsNot,
    Text,
    Mime,
}

/// <summary>One thing FETCH was asked for (RFC 3501 section 6.4.5).</summary>
/// <param name="Label">The name it is answered under.</param>
/// <param name="Path">Part numbers; empty for the message itself.</param>
/// <param name="Fields">Names for HEADER.FIELDS.</param>
/// <param name="Marks">Sets \Seen.</param>
/// <param name="Partial">Offset and length in bytes; null for all.</param>
internal sealed record ImapFetchItem(
    ImapFetchKind Kind, string Label, IReadOnlyList<int> Path, ImapSectionText Text, IReadOnlyList<string> Fields, bool Marks, (uint Offset, uint Length)? Partial)
{
    private static readonly SearchValues<char> NotInAtom = SearchValues.Create("(){%*\"\\]");

    private const int MaxItems = 100;
    private const int MaxPath = 64;

    public static ImapFetchItem ModSeq { get; } = Simple(ImapFetchKind.ModSeq, "MODSEQ");

    private static ImapFetchItem Simple(ImapFetchKind kind, string label) => new(kind, label, [], ImapSectionText.Whole, [], false, null);

    /// <param name="offered">The capabilities announced: MODSEQ and BINARY are items only where CONDSTORE and BINARY are among them.</param>
    public static IReadOnlyList<ImapFetchItem> ReadAll(ImapRequest request, IReadOnlySet<string> offered)
    {
        var items = new List<ImapFetchItem>();
        if (!request.TryTake('('))
        {
            Read(request, items, macros: true, offered);
            return items;
        }
        do
        {
            if (items.Count > 0) request.Space();
            Read(request, items, macros: false, offered);
            if (items.Count > MaxItems) throw new ImapSyntaxException();
        }
        while (!request.TryTake(')'));
        return items;
    }

    private static void Read(ImapRequest request, List<ImapFetchItem> items, bool macros, IReadOnlySet<string> offered)
    {
        var word = Word(request);
        switch (word)
        {
            case "ALL" or "FAST" or "FULL" when macros:
                items.AddRange([Simple(ImapFetchKind.Flags, "FLAGS"), Simple(ImapFetchKind.InternalDate, "INTERNALDATE"), Simple(ImapFetchKind.Size, "RFC822.SIZE")]);
                if (word != "FAST") items.Add(Simple(ImapFetchKind.Envelope, "ENVELOPE"));
                if (word == "FULL") items.Add(Simple(ImapFetchKind.Body, "BODY"));
                break;
            case "FLAGS":
                items.Add(Simple(ImapFetchKind.Flags, word));
                break;
            case "UID":
                items.Add(Simple(ImapFetchKind.Uid, word));
                break;
            case "INTERNALDATE":
                items.Add(Simple(ImapFetchKind.InternalDate, word));
                break;
            case "RFC822.SIZE":
                items.Add(Simple(ImapFetchKind.Size, word));
                break;
            case "ENVELOPE":
                items.Add(Simple(ImapFetchKind.Envelope, word));
                break;
            case "BODYSTRUCTURE":
                items.Add(Simple(ImapFetchKind.BodyStructure, word));
                break;
            case "RFC822":
                items.Add(new(ImapFetchKind.Section, word, [], ImapSectionText.Whole, [], true, null));
                break;
            case "RFC822.HEADER":
                items.Add(new(ImapFetchKind.Section, word, [], ImapSectionText.Header, [], false, null));
                break;
            case "RFC822.TEXT":
                items.Add(new(ImapFetchKind.Section, word, [], ImapSectionText.Text, [], true, null));
                break;
            case "MODSEQ" when offered.Contains("CONDSTORE"):
                items.Add(ModSeq);
                break;
            case "BINARY" or "BINARY.PEEK" or "BINARY.SIZE" when offered.Contains("BINARY") && request.TryTake('['):
                items.Add(BinarySection(request, word));
                break;
            case "BODY" or "BODY.PEEK" when request.TryTake('['):
                items.Add(Section(request, marks: word == "BODY"));
                break;
            case "BODY":
                items.Add(Simple(ImapFetchKind.Body, word));
                break;
            default:
                throw new ImapSyntaxException();
        }
    }

    // Letters, digits and dots: stops before "[", which an atom would take along.
    private static string Word(ImapRequest request)
    {
        var word = new StringBuilder();
        while (char.IsAsciiLetterOrDigit((char)request.Peek) || request.Peek == '.')
        {
            var c = (char)request.Peek;
            request.Take(c);
            word.Append(char.ToUpperInvariant(c));
            if (word.Length > 32) throw new ImapSyntaxException();
        }
        return word.ToString();
    }

    private static ImapFetchItem BinarySection(ImapRequest request, string word)
    {
        var path = ReadPath(request, out var name);
        request.Take(']');
        if (word == "BINARY.SIZE") return new(ImapFetchKind.BinarySize, "BINARY.SIZE[" + name + "]", path, ImapSectionText.Whole, [], false, null);
        var partial = ReadPartial(request, out var from);
        return new(ImapFetchKind.Binary, "BINARY[" + name + "]" + from, path, ImapSectionText.Whole, [], word == "BINARY", partial);
    }

    private static List<int> ReadPath(ImapRequest request, out string name)
    {
        var path = new List<int>();
        while (char.IsAsciiDigit((char)request.Peek))
        {
            var number = request.Number();
            if (number is 0 or > 10_000 || path.Count == MaxPath) throw new ImapSyntaxException();
            path.Add((int)number);
            if (!request.TryTake('.')) break;
            if (request.Peek == ']') throw new ImapSyntaxException();
        }
        name = string.Join('.', path.Select(n => n.ToString(CultureInfo.InvariantCulture)));
        return path;
    }

    /// <param name="from">As the answer names it; empty when the whole is asked for.</param>
    private static (uint Offset, uint Length)? ReadPartial(ImapRequest request, out string from)
    {
        from = "";
        if (!request.TryTake('<')) return null;
        var offset = request.Number();
        request.Take('.');
        var length = request.Number();
        request.Take('>');
        if (length == 0) throw new ImapSyntaxException();
        from = string.Create(CultureInfo.InvariantCulture, $"<{offset}>");
        return (offset, length);
    }

    private static ImapFetchItem Section(ImapRequest request, bool marks)
    {
        var path = ReadPath(request, out var name);
        var text = ImapSectionText.Whole;
        IReadOnlyList<string> fields = [];
        if (request.Peek != ']')
        {
            var word = Word(request);
            text = word switch
            {
                "HEADER" => ImapSectionText.Header,
                "HEADER.FIELDS" => ImapSectionText.HeaderFields,
                "HEADER.FIELDS.NOT" => ImapSectionText.HeaderFieldsNot,
                "TEXT" => ImapSectionText.Text,
                "MIME" when path.Count > 0 => ImapSectionText.Mime,
                _ => throw new ImapSyntaxException(),
            };
            name += (name.Length > 0 ? "." : "") + word;
            if (text is ImapSectionText.HeaderFields or ImapSectionText.HeaderFieldsNot)
            {
                request.Space();
                fields = FieldNames(request);
                name += " (" + string.Join(' ', fields.Select(Quoted)) + ")";
            }
        }
        request.Take(']');
        var partial = ReadPartial(request, out var from);
        return new ImapFetchItem(ImapFetchKind.Section, "BODY[" + name + "]" + from, path, text, fields, marks, partial);
    }

    private static List<string> FieldNames(ImapRequest request)
    {
        request.Take('(');
        var names = new List<string>();
        while (!request.TryTake(')'))
        {
            if (names.Count > 0) request.Space();
            var name = request.String();
            // Answered in the label: it must not be able to break out of it.
            if (name.Length is 0 or > 200 || name.AsSpan().ContainsAnyExceptInRange('!', '~') || name.Contains(':', StringComparison.Ordinal) || names.Count == MaxItems) throw new ImapSyntaxException();
            names.Add(name);
        }
        return names.Count > 0 ? names : throw new ImapSyntaxException();
    }

    private static string Quoted(string name) => name.AsSpan().ContainsAny(NotInAtom) ? "\"" + name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"" : name;
}
