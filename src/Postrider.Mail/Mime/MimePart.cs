using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>What a part is protected with. Nothing is checked or opened: it is kept whole, so that a program that can may do so.</summary>
public enum MimeProtection
{
    None,
    /// <summary>RFC 8551: <c>multipart/signed</c> with a PKCS #7 signature, or <c>application/pkcs7-mime</c> of signed data.</summary>
    SmimeSigned,
    /// <summary>RFC 8551: enveloped data.</summary>
    SmimeEncrypted,
    /// <summary>RFC 3156.</summary>
    PgpSigned,
    /// <summary>RFC 3156.</summary>
    PgpEncrypted,
}

/// <summary>A part of the tree.</summary>
/// <remarks>Of a message that was read from memory a part is a view over its bytes. Of one that was read in blocks only the headers are here: bodies are opened in the stored message by <see cref="OpenBody"/>.</remarks>
public sealed class MimePart
{
    internal const string DefaultMediaType = "text/plain"; // RFC 2045 section 5.2
    private static readonly SearchValues<char> NotInMediaType = SearchValues.Create(" \t\"<>@,:\\[]?=");
    internal const int BoundaryLimit = 998; // a line of RFC 5322; RFC 2046 section 5.1.1 has 70

    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>(StringComparer.Ordinal);

    private List<MimePart>? _children;
    private readonly IReadOnlyDictionary<string, string> _dispositionParameters = None;
    private readonly bool _located;
    private ReadOnlyMemory<byte>? _rawBody;

    /// <param name="offset">Where the part stands in the message; null within an encoded message.</param>
    internal MimePart(IReadOnlyList<HeaderField> headers, ReadOnlyMemory<byte> rawHeaders, string defaultMediaType, MimeLimits limits, DefectLog defects, long? offset)
    {
        Headers = headers;
        RawHeaders = rawHeaders;
        MediaType = defaultMediaType;
        Parameters = None;
        TransferEncodingName = "";
        _located = offset is not null;
        var typeSeen = false;
        foreach (var field in headers)
        {
            if (field.Name.Length < 12 || !field.Name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)) continue;
            if (field.Is("Content-Type"))
            {
                // Two readers that choose differently see different messages; everywhere in Postrider the first one counts.
                if (typeSeen) defects.Add(MimeDefectKind.FieldWrong, "A part has more than one Content-Type; the first counts.", offset);
                else (MediaType, Parameters) = ReadMediaType(field, defaultMediaType, limits, defects, offset);
                typeSeen = true;
            }
            else if (field.Is("Content-Disposition") && Disposition is null)
            {
                var disposition = ParameterReader.Read(HeaderText.Unfold(field.RawValue.Span), limits.Parameters);
                // RFC 2183 section 2.8: a type that is not known is an attachment.
                Disposition = disposition.Value is "inline" ? "inline" : "attachment";
                _dispositionParameters = disposition.Parameters;
                if (disposition.Cut) TellCut(limits, defects, offset);
            }
            else if (field.Is("Content-Transfer-Encoding") && TransferEncodingName.Length == 0)
            {
                TransferEncodingName = TransferEncoding.NameOf(field.RawValue.Span);
                if (!TransferEncoding.IsKnown(TransferEncodingName)) defects.Add(MimeDefectKind.TransferEncodingWrong, "A transfer encoding is not known; the part is read as it stands.", offset);
            }
        }
        // RFC 2045 section 6.4 allows no encoding here, so it says nothing about the lines of the parts.
        if (IsMultipart && !TransferEncoding.IsIdentity(TransferEncodingName))
        {
            defects.Add(MimeDefectKind.TransferEncodingWrong, "A multipart has a transfer encoding; it is ignored.", offset);
            TransferEncodingName = "";
        }
    }

    public IReadOnlyList<HeaderField> Headers { get; }

    /// <summary>The header section as it stands in the message, also what was beyond the limits of <see cref="Headers"/>.</summary>
    public ReadOnlyMemory<byte> RawHeaders { get; }

    /// <summary>Where the header section starts, in bytes from the start of the message; null within an enclosed message that has a transfer encoding.</summary>
    public long? HeaderOffset => _located ? HeaderStart : null;

    /// <summary>Where the body starts, in bytes from the start of the message; null as <see cref="HeaderOffset"/>.</summary>
    public long? BodyOffset => _located ? BodyStart : null;

    /// <summary>Bytes of the body as it stands in the message, still encoded.</summary>
    public long BodyLength { get; internal set; }

    internal long HeaderStart { get; init; }
    internal long BodyStart { get; set; }

    /// <summary>Lower case, such as <c>text/plain</c>; the default of RFC 2045 where absent or broken.</summary>
    public string MediaType { get; }

    /// <summary>As named by the sender, which may be any text; null when it is not named.</summary>
    public string? Charset => Parameters.GetValueOrDefault("charset");

    /// <summary>Parameters of Content-Type, names in lower case, RFC 2231 joined and decoded.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; }

    /// <summary><c>inline</c>, <c>attachment</c>, or null when there is no Content-Disposition.</summary>
    public string? Disposition { get; }

    /// <summary>As the sender named it; decoded, not made safe for a file system. Null when there is none.</summary>
    public string? FileName => NotEmpty(_dispositionParameters.GetValueOrDefault("filename")) ?? NotEmpty(Parameters.GetValueOrDefault("name"));

    /// <summary>Without angle brackets; null when there is none.</summary>
    public string? ContentId => Find("Content-ID") is { } id ? NotEmpty(id.Text.Trim().TrimStart('<').TrimEnd('>').Trim()) : null;

    /// <summary>RFC 2183 section 2.4 to 2.6: as the sender's file system had it; null when it is not said or cannot be read.</summary>
    public DateTimeOffset? CreationDate => DispositionDate("creation-date");

    /// <inheritdoc cref="CreationDate"/>
    public DateTimeOffset? ModificationDate => DispositionDate("modification-date");

    /// <inheritdoc cref="CreationDate"/>
    public DateTimeOffset? ReadDate => DispositionDate("read-date");

    /// <summary>RFC 2183 section 2.7: bytes, decoded, as the sender says. Null when it is not said. Not to be believed.</summary>
    public long? DeclaredSize => long.TryParse(_dispositionParameters.GetValueOrDefault("size"), NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : null;

    /// <summary>By media type and parameters alone.</summary>
    public MimeProtection Protection => MediaType switch
    {
        "multipart/signed" => IsPgp("protocol") ? MimeProtection.PgpSigned : MimeProtection.SmimeSigned,
        "multipart/encrypted" => MimeProtection.PgpEncrypted,
        "application/pkcs7-mime" or "application/x-pkcs7-mime" => Parameters.GetValueOrDefault("smime-type")?.StartsWith("signed", StringComparison.OrdinalIgnoreCase) == true ? MimeProtection.SmimeSigned : MimeProtection.SmimeEncrypted,
        _ => MimeProtection.None,
    };

    /// <summary>RFC 2046 section 5.2.2: a piece of a message. It is not put together with the others.</summary>
    public bool IsPartial => MediaType == "message/partial";

    /// <summary>RFC 2046 section 5.2.3: the content is elsewhere. It is never fetched.</summary>
    public bool IsExternal => MediaType == "message/external-body";

    /// <summary>The parts of a multipart; of an enclosed message (<c>message/rfc822</c>) its root alone.</summary>
    public IReadOnlyList<MimePart> Children => _children ?? (IReadOnlyList<MimePart>)[];

    /// <summary>False where the message was read in blocks: then the body is in the stored message only (<see cref="OpenBody"/>).</summary>
    public bool HasBytes => _rawBody is not null;

    /// <summary>The body as it stands in the message, still encoded; of a multipart all of it, from preamble to epilogue.</summary>
    /// <exception cref="InvalidOperationException">See <see cref="HasBytes"/>.</exception>
    public ReadOnlyMemory<byte> RawBody
    {
        get => _rawBody ?? throw new InvalidOperationException("The message was read in blocks: open the body in the stored message.");
        internal set => _rawBody = value;
    }

    /// <summary>Lower case; empty when there is none.</summary>
    internal string TransferEncodingName { get; }

    internal bool IsMultipart => MediaType.StartsWith("multipart/", StringComparison.Ordinal);
    internal bool IsMessage => MediaType is "message/rfc822" or "message/global";
    internal bool IsText => MediaType.StartsWith("text/", StringComparison.Ordinal);

    /// <summary>The body with its transfer encoding taken off.</summary>
    public byte[] DecodeBytes() => TransferEncoding.Decode(RawBody.Span, TransferEncodingName);

    /// <summary>The same into a buffer of the caller's, which may be used for one part after the other.</summary>
    public void DecodeTo(IBufferWriter<byte> into) => TransferEncoding.DecodeTo(RawBody.Span, TransferEncodingName, into);

    /// <summary>The body with its transfer encoding taken off, read from the stored message without holding it: a view that ends with the part.</summary>
    /// <param name="message">The whole message, seekable. It stays open, and belongs to the view until that is done with.</param>
    /// <exception cref="InvalidOperationException">The part stands within an encoded message, so it has no place of its own in the stored one.</exception>
    public Stream OpenBody(Stream message) => !_located
        ? throw new InvalidOperationException("The part stands within an encoded message.")
        : new BodyReader(message, BodyStart, BodyLength, TransferEncodingName);

    /// <summary>The body as text: transfer encoding taken off, charset decoded.</summary>
    public string DecodeText() => DecodeText(out _);

    internal string DecodeText(out string? defect)
    {
        ReadOnlySpan<byte> bytes = TransferEncoding.IsIdentity(TransferEncodingName) ? RawBody.Span : DecodeBytes();
        var charset = CharsetOf(ref bytes);
        return CharsetReader.Decode(bytes, charset, out defect);
    }

    /// <summary>The body as text into a buffer of the caller's, which may be used for one part after the other.</summary>
    /// <param name="bytes">A buffer for the bytes on their way; what it held is lost.</param>
    public void DecodeTextTo(IBufferWriter<char> into, ArrayBufferWriter<byte> bytes)
    {
        ReadOnlySpan<byte> decoded = RawBody.Span;
        if (!TransferEncoding.IsIdentity(TransferEncodingName))
        {
            bytes.ResetWrittenCount();
            DecodeTo(bytes);
            decoded = bytes.WrittenSpan;
        }
        var charset = CharsetOf(ref decoded);
        CharsetReader.DecodeTo(decoded, charset, into, out _);
    }

    private string? CharsetOf(ref ReadOnlySpan<byte> bytes)
    {
        // A UTF-8 signature says more than the charset, as it does in browsers (WHATWG Encoding section 6).
        if (bytes.StartsWith("\uFEFF"u8))
        {
            bytes = bytes[3..];
            return "utf-8";
        }
        return string.IsNullOrWhiteSpace(Charset) && MediaType == "text/html" ? CharsetReader.NamedInHtml(bytes) : Charset;
    }

    internal HeaderField? Find(string name)
    {
        foreach (var field in Headers) if (field.Is(name)) return field;
        return null;
    }

    internal int Count(string name)
    {
        var count = 0;
        foreach (var field in Headers) if (field.Is(name)) count++;
        return count;
    }

    internal void Add(MimePart child) => (_children ??= []).Add(child);

    /// <summary>What lies beyond the limit of parts.</summary>
    internal static MimePart Rest(long start, MimeLimits limits) => new([], default, "application/octet-stream", limits, new DefectLog(), start) { HeaderStart = start };

    internal byte[]? BoundaryBytes() =>
        Parameters.GetValueOrDefault("boundary")?.TrimEnd(' ', '\t') is { Length: > 0 and <= BoundaryLimit } boundary ? Encoding.UTF8.GetBytes(boundary) : null;

    private static (string, IReadOnlyDictionary<string, string>) ReadMediaType(HeaderField field, string defaultMediaType, MimeLimits limits, DefectLog defects, long? offset)
    {
        var read = ParameterReader.Read(HeaderText.Unfold(field.RawValue.Span), limits.Parameters);
        if (read.Cut) TellCut(limits, defects, offset);
        var slash = read.Value.IndexOf('/', StringComparison.Ordinal);
        var valid = slash > 0 && slash < read.Value.Length - 1 && !read.Value.AsSpan().ContainsAny(NotInMediaType);
        if (!valid) defects.Add(MimeDefectKind.FieldWrong, "A Content-Type cannot be read; the default is taken.", offset);
        return (valid ? read.Value : defaultMediaType, read.Parameters);
    }

    private static void TellCut(MimeLimits limits, DefectLog defects, long? offset) =>
        defects.Add(MimeDefectKind.LimitReached, $"A field has more than {limits.Parameters} parameters; the first ones are read.", offset);

    private bool IsPgp(string parameter) => Parameters.GetValueOrDefault(parameter)?.Contains("pgp", StringComparison.OrdinalIgnoreCase) == true;

    private DateTimeOffset? DispositionDate(string name) => DateReader.Read(_dispositionParameters.GetValueOrDefault(name));

    private static string? NotEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
