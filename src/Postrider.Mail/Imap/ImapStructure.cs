using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Imap;

/// <summary>Writes ENVELOPE and BODYSTRUCTURE (RFC 3501 section 7.4.2).</summary>
internal static class ImapStructure
{
    public static void WriteEnvelope(ImapReply reply, MimePart root)
    {
        var from = Addresses(root, "From");
        reply.Raw("("u8).String(Field(root, "Date")).Raw(" "u8).String(Field(root, "Subject"));
        WriteAddresses(reply, from);
        // Absent or empty, both are the author (RFC 3501 section 7.4.2).
        WriteAddresses(reply, Addresses(root, "Sender") is { Count: > 0 } sender ? sender : from);
        WriteAddresses(reply, Addresses(root, "Reply-To") is { Count: > 0 } replyTo ? replyTo : from);
        WriteAddresses(reply, Addresses(root, "To"));
        WriteAddresses(reply, Addresses(root, "Cc"));
        WriteAddresses(reply, Addresses(root, "Bcc"));
        reply.Raw(" "u8).String(Field(root, "In-Reply-To")).Raw(" "u8).String(Field(root, "Message-ID")).Raw(")"u8);
    }

    /// <param name="extended">With the extension data: BODYSTRUCTURE; without: BODY.</param>
    public static void WriteBody(ImapReply reply, MimePart part, bool extended)
    {
        var (type, subtype) = part.MediaType.Split('/', 2) is [var t, var s] ? (t, s) : ("text", "plain");
        var parameters = Field(part, "Content-Type") is { } contentType ? ImapParameters.Read(contentType).Parameters : [];
        reply.Raw("("u8);
        if (type == "multipart")
        {
            foreach (var child in part.Children) WriteBody(reply, child, extended);
            // The grammar wants one part at least (RFC 3501 section 9); a multipart that cannot be taken apart has an empty one.
            if (part.Children.Count == 0) reply.Raw("(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"us-ascii\") NIL NIL \"7BIT\" 0 0"u8).Raw(extended ? " NIL NIL NIL NIL)"u8 : ")"u8);
            reply.Raw(" "u8).String(subtype.ToUpperInvariant());
            if (extended)
            {
                reply.Raw(" "u8);
                WriteParameters(reply, parameters);
                WriteExtension(reply, part);
            }
            reply.Raw(")"u8);
            return;
        }
        reply.String(type.ToUpperInvariant()).Raw(" "u8).String(subtype.ToUpperInvariant()).Raw(" "u8);
        // RFC 2045 section 5.2: what the charset is where none is named.
        WriteParameters(reply, type == "text" && !parameters.Exists(p => p.Name.Equals("charset", StringComparison.OrdinalIgnoreCase)) ? [.. parameters, ("charset", "us-ascii")] : parameters);
        reply.Raw(" "u8).String(Field(part, "Content-ID"));
        reply.Raw(" "u8).String(Field(part, "Content-Description"));
        reply.Raw(" "u8).String(Field(part, "Content-Transfer-Encoding") is { } encoding ? ImapParameters.Read(encoding).Value.ToUpperInvariant() : "7BIT");
        reply.Raw(" "u8).Number(part.RawBody.Length);
        if (part.MediaType == "message/rfc822" && part.Children is [var enclosed])
        {
            reply.Raw(" "u8);
            WriteEnvelope(reply, enclosed);
            reply.Raw(" "u8);
            WriteBody(reply, enclosed, extended);
            reply.Raw(" "u8).Number(Lines(part));
        }
        else if (type == "text") reply.Raw(" "u8).Number(Lines(part));
        if (extended)
        {
            reply.Raw(" "u8).String(Field(part, "Content-MD5"));
            WriteExtension(reply, part);
        }
        reply.Raw(")"u8);
    }

    private static int Lines(MimePart part) => part.RawBody.Span.Count((byte)'\n');

    private static void WriteParameters(ImapReply reply, List<(string Name, string Value)> parameters)
    {
        for (var i = 0; i < parameters.Count; i++) reply.Raw(i == 0 ? "("u8 : " "u8).String(parameters[i].Name.ToUpperInvariant()).Raw(" "u8).String(EncodedWord(parameters[i].Value));
        reply.Raw(parameters.Count == 0 ? "NIL"u8 : ")"u8);
    }

    /// <summary>Disposition, language and location.</summary>
    private static void WriteExtension(ImapReply reply, MimePart part)
    {
        if (Field(part, "Content-Disposition") is { Length: > 0 } field)
        {
            var (disposition, parameters) = ImapParameters.Read(field);
            reply.Raw(" ("u8).String(EncodedWord(disposition).ToUpperInvariant()).Raw(" "u8);
            WriteParameters(reply, parameters);
            reply.Raw(")"u8);
        }
        else reply.Raw(" NIL"u8);
        if (Field(part, "Content-Language")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } languages)
        {
            for (var i = 0; i < languages.Length; i++) reply.Raw(i == 0 ? " ("u8 : " "u8).String(EncodedWord(languages[i]));
            reply.Raw(")"u8);
        }
        else reply.Raw(" NIL"u8);
        reply.Raw(" "u8).String(Field(part, "Content-Location"));
    }

    private static IReadOnlyList<ImapEnvelopeAddress> Addresses(MimePart part, string name) =>
        [.. part.Headers.Where(h => h.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).SelectMany(h => ImapEnvelopeAddresses.Read(Raw(h)))];

    private static void WriteAddresses(ImapReply reply, IReadOnlyList<ImapEnvelopeAddress> addresses)
    {
        if (addresses.Count == 0)
        {
            reply.Raw(" NIL"u8);
            return;
        }
        reply.Raw(" ("u8);
        foreach (var address in addresses)
            reply.Raw("("u8).String(address.Name is null ? null : EncodedWord(address.Name)).Raw(" "u8).String(address.Route).Raw(" "u8).String(address.Mailbox).Raw(" "u8).String(address.Host).Raw(")"u8);
        reply.Raw(")"u8);
    }

    /// <summary>The field as it stands, unfolded; encoded words are the client's to decode. Null when there is none.</summary>
    private static string? Field(MimePart part, string name)
    {
        foreach (var field in part.Headers)
            if (field.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return Raw(field).Trim();
        return null;
    }

    private static string Raw(HeaderField field) => Encoding.UTF8.GetString(field.RawValue.Span).Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal);

    // RFC 2047: what was decoded while reading goes out encoded again, in words of at most 75 characters.
    private static string EncodedWord(string text)
    {
        if (Ascii.IsValid(text)) return text;
        var words = new List<string>();
        var chunk = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (Encoding.UTF8.GetByteCount(chunk.ToString()) + rune.Utf8SequenceLength > 45)
            {
                words.Add(Word(chunk.ToString()));
                chunk.Clear();
            }
            chunk.Append(rune);
        }
        words.Add(Word(chunk.ToString()));
        return string.Join(' ', words);

        static string Word(string chunk) => "=?utf-8?B?" + Convert.ToBase64String(Encoding.UTF8.GetBytes(chunk)) + "?=";
    }
}
