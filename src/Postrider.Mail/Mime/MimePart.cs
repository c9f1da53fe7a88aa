using System.Buffers;
using System.Text;

namespace Postrider.Mail.Mime;

/// <summary>A part of the tree.</summary>
public sealed class MimePart
{
    internal const string DefaultMediaType = "text/plain"; // RFC 2045 section 5.2
    private static readonly SearchValues<char> NotInMediaType = SearchValues.Create(" \t\"<>@,:\\[]?=");
    internal const int BoundaryLimit = 998; // a line of RFC 5322; RFC 2046 section 5.1.1 has 70

    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>(StringComparer.Ordinal);

    private readonly List<MimePart> _children = [];
    private readonly IReadOnlyDictionary<string, string> _dispositionParameters = None;

    internal MimePart(IReadOnlyList<HeaderField> headers, ReadOnlyMemory<byte> rawHeaders, string defaultMediaType, DefectLog defects)
    {
        Headers = headers;
        RawHeaders = rawHeaders;
        MediaType = defaultMediaType;
        Parameters = None;
        TransferEncodingName = "";
        var typeSeen = false;
        foreach (var field in headers)
        {
            if (field.Is("Content-Type"))
            {
                // Two readers that choose differently see different messages; everywhere in Postrider the first one counts.
                if (typeSeen) defects.Add("A part has more than one Content-Type; the first counts.");
                else (MediaType, Parameters) = ReadMediaType(field, defaultMediaType, defects);
                typeSeen = true;
            }
            else if (field.Is("Content-Disposition") && Disposition is null)
            {
                var disposition = ParameterReader.Read(HeaderText.Unfold(field.RawValue.Span));
                // RFC 2183 section 2.8: a type that is not known is an attachment.
                Disposition = disposition.Value is "inline" ? "inline" : "attachment";
                _dispositionParameters = disposition.Parameters;
            }
            else if (field.Is("Content-Transfer-Encoding") && TransferEncodingName.Length == 0)
            {
                TransferEncodingName = ParameterReader.Read(HeaderText.Unfold(field.RawValue.Span)).Value;
                if (!TransferEncoding.IsKnown(TransferEncodingName)) defects.Add("A transfer encoding is not known; the part is read as it stands.");
            }
        }
        // RFC 2045 section 6.4 allows no encoding here, so it says nothing about the lines of the parts.
        if (IsMultipart && !TransferEncoding.IsIdentity(TransferEncodingName))
        {
            defects.Add("A multipart has a transfer encoding; it is ignored.");
            TransferEncodingName = "";
        }
    }

    public IReadOnlyList<HeaderField> Headers { get; }

    /// <summary>The header section as it stands in the message, also what was beyond the limits of <see cref="Headers"/>.</summary>
    public ReadOnlyMemory<byte> RawHeaders { get; }

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

    /// <summary>The parts of a multipart; of an enclosed message (<c>message/rfc822</c>) its root alone.</summary>
    public IReadOnlyList<MimePart> Children => _children;

    /// <summary>The body as it stands in the message, still encoded; of a multipart all of it, from preamble to epilogue.</summary>
    public ReadOnlyMemory<byte> RawBody { get; internal set; }

    /// <summary>Lower case; empty when there is none.</summary>
    internal string TransferEncodingName { get; }

    internal bool IsMultipart => MediaType.StartsWith("multipart/", StringComparison.Ordinal);
    internal bool IsMessage => MediaType is "message/rfc822" or "message/global";
    internal bool IsText => MediaType.StartsWith("text/", StringComparison.Ordinal);

    /// <summary>The body with its transfer encoding taken off.</summary>
    public byte[] DecodeBytes() => TransferEncoding.Decode(RawBody.Span, TransferEncodingName);

    /// <summary>The body as text: transfer encoding taken off, charset decoded.</summary>
    public string DecodeText() => DecodeText(out _);

    internal string DecodeText(out string? defect)
    {
        var bytes = TransferEncoding.IsIdentity(TransferEncodingName) ? RawBody.Span : DecodeBytes();
        // A UTF-8 signature says more than the charset, as it does in browsers (WHATWG Encoding section 6).
        if (bytes.StartsWith("\uFEFF"u8)) return CharsetReader.Decode(bytes[3..], "utf-8", out defect);
        var charset = string.IsNullOrWhiteSpace(Charset) && MediaType == "text/html" ? CharsetReader.NamedInHtml(bytes) : Charset;
        return CharsetReader.Decode(bytes, charset, out defect);
    }

    internal HeaderField? Find(string name)
    {
        foreach (var field in Headers) if (field.Is(name)) return field;
        return null;
    }

    internal void Add(MimePart child) => _children.Add(child);

    /// <summary>What lies beyond the limit of parts.</summary>
    internal static MimePart Rest(ReadOnlyMemory<byte> bytes) => new([], default, "application/octet-stream", new DefectLog()) { RawBody = bytes };

    internal byte[]? BoundaryBytes() =>
        Parameters.GetValueOrDefault("boundary")?.TrimEnd(' ', '\t') is { Length: > 0 and <= BoundaryLimit } boundary ? Encoding.UTF8.GetBytes(boundary) : null;

    private static (string, IReadOnlyDictionary<string, string>) ReadMediaType(HeaderField field, string defaultMediaType, DefectLog defects)
    {
        var read = ParameterReader.Read(HeaderText.Unfold(field.RawValue.Span));
        var slash = read.Value.IndexOf('/', StringComparison.Ordinal);
        var valid = slash > 0 && slash < read.Value.Length - 1 && !read.Value.AsSpan().ContainsAny(NotInMediaType);
        if (!valid) defects.Add("A Content-Type cannot be read; the default is taken.");
        return (valid ? read.Value : defaultMediaType, read.Parameters);
    }

    private static string? NotEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
