using System.Buffers.Binary;
using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tnef;

/// <summary>A file out of a <c>winmail.dat</c>.</summary>
/// <param name="FileName">As the sender named it, controls as spaces; null: it has no name.</param>
/// <param name="MediaType">Null: the sender did not say, or nothing that is one.</param>
/// <param name="ContentId">By which the HTML names it, without angle brackets; null: it is not named.</param>
/// <param name="Bytes">A view over the bytes that were read.</param>
/// <param name="IsMessage">The bytes are an enclosed message, for <see cref="TnefMessage.Read"/> again: it is not looked into here. Each level is read in its own time, so who goes down bounds the depth.</param>
public sealed record TnefAttachment(string? FileName, string? MediaType, string? ContentId, ReadOnlyMemory<byte> Bytes, bool IsMessage);

/// <summary>
/// What Outlook and Exchange put into <c>winmail.dat</c> ([MS-OXTNEF]): the body and the attachments of a message that was written as Rich Text. A view over the bytes, which must not change while it is used.
/// Reading never throws on content and takes linear time.
/// </summary>
public sealed class TnefMessage
{
    private const uint Signature = 0x223E9F78;
    private const int FirstAttribute = 6; // behind the signature and a key that nobody needs
    private const int AttributeHeader = 9; // level, id, length
    private const int AttributeEnd = 2; // checksum
    private const int MostAttachments = 1000;
    private const int InterfaceId = 16; // stands before the bytes of an object ([MS-OXTNEF] section 2.1.3.4)
    private const int EmbeddedMessage = 5; // [MS-OXCMSG] section 2.2.2.9

    private readonly List<TnefAttachment> _attachments = [];
    private readonly DefectLog _defects = new();
    private Encoding _encoding = CharsetReader.Windows1252;
    private Encoding? _htmlEncoding;
    private ReadOnlyMemory<byte> _compressedRtf;
    private (MapiType Type, ReadOnlyMemory<byte> Value)? _html;
    private RtfText? _rtf;

    private TnefMessage() { }

    /// <summary>What kind of item it is (<c>IPM.Note</c> a mail, <c>IPM.Schedule.Meeting.Request</c> an invitation); null: it does not say.</summary>
    public string? MessageClass { get; private set; }

    /// <summary>Null: there is none.</summary>
    public string? Subject { get; private set; }

    /// <summary>From the text, or else from the Rich Text; null: there is neither, or it is HTML.</summary>
    public string? Text { get => field ?? (Rich is { IsHtml: false } rich ? rich.Content : null); private set; }

    /// <summary>As sent, and hostile until sanitised: HTML, or the HTML within the Rich Text ([MS-OXRTFEX]); null: there is none.</summary>
    public string? Html => _html is { } html ? String(html.Type, html.Value.Span, HtmlEncoding(html.Type, html.Value.Span)) : Rich is { IsHtml: true } rich ? rich.Content : null;

    /// <summary>Decompressed anew each time; at most <see cref="RtfCompression.Longest"/> bytes. Empty: there is none.</summary>
    public byte[] Rtf => RtfCompression.Decompress(_compressedRtf.Span);

    public IReadOnlyList<TnefAttachment> Attachments => _attachments;

    /// <summary>Offsets are those in the bytes that were read.</summary>
    public IReadOnlyList<MimeDefect> Defects => _defects.All;

    private RtfText? Rich => _compressedRtf.IsEmpty ? null : _rtf ??= RtfText.Read(Rtf);

    /// <summary>By its media type, or by its name where a gateway has lost the type.</summary>
    public static bool Is(MimePart part) =>
        part.MediaType is "application/ms-tnef" or "application/vnd.ms-tnef"
        || (part.MediaType == "application/octet-stream" && string.Equals(part.FileName, "winmail.dat", StringComparison.OrdinalIgnoreCase));

    /// <returns>Null when the bytes are not TNEF.</returns>
    public static TnefMessage? Read(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < FirstAttribute || BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span) != Signature) return null;
        var message = new TnefMessage();
        message.ReadAttributes(bytes);
        return message;
    }

    private void ReadAttributes(ReadOnlyMemory<byte> bytes)
    {
        PendingAttachment? pending = null;
        var at = FirstAttribute;
        while (at < bytes.Length)
        {
            var header = bytes.Span[at..];
            if (header.Length < AttributeHeader || header[0] is not (1 or 2))
            {
                _defects.Add(MimeDefectKind.TnefWrong, "The winmail.dat ends where no attribute begins; what stands there is passed over.", at);
                break;
            }
            var attribute = (TnefAttribute)BinaryPrimitives.ReadUInt32LittleEndian(header[1..]);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(header[5..]);
            at += AttributeHeader;
            if (length > bytes.Length - at)
            {
                _defects.Add(MimeDefectKind.TnefWrong, "The winmail.dat is cut; what there is of its last attribute is read.", at);
                length = (uint)(bytes.Length - at);
            }
            var value = bytes.Slice(at, (int)length);
            at += (int)length;
            if (bytes.Length - at >= AttributeEnd && BinaryPrimitives.ReadUInt16LittleEndian(bytes.Span[at..]) != Checksum(value.Span))
                _defects.Add(MimeDefectKind.TnefWrong, "A checksum in the winmail.dat does not fit; the bytes are taken as they are.", at);
            at = Math.Min(at + AttributeEnd, bytes.Length);
            if (attribute == TnefAttribute.AttachmentBegins)
            {
                AddAttachment(pending);
                pending = new PendingAttachment();
            }
            else
            {
                Take(attribute, value, pending);
            }
        }
        AddAttachment(pending);
        if (!_compressedRtf.IsEmpty && !RtfCompression.IsWhole(_compressedRtf.Span))
            _defects.Add(MimeDefectKind.TnefWrong, "The Rich Text in the winmail.dat is damaged: its length or its checksum does not fit. What can be had of it is read.");
    }

    private void Take(TnefAttribute attribute, ReadOnlyMemory<byte> value, PendingAttachment? attachment)
    {
        switch (attribute)
        {
            case TnefAttribute.CodePage when value.Length >= 4:
                _encoding = CharsetReader.Find(BinaryPrimitives.ReadInt32LittleEndian(value.Span)) ?? _encoding;
                break;
            case TnefAttribute.MessageClass:
                MessageClass ??= Line(MapiType.String8, value.Span);
                break;
            case TnefAttribute.Subject:
                Subject ??= Line(MapiType.String8, value.Span);
                break;
            case TnefAttribute.Body:
                Text ??= String(MapiType.String8, value.Span, _encoding);
                break;
            case TnefAttribute.MessageProperties:
                Properties(value, TakeOfMessage);
                break;
            case TnefAttribute.AttachmentTitle when attachment is not null:
                attachment.Title = Line(MapiType.String8, value.Span);
                break;
            case TnefAttribute.AttachmentData when attachment is not null:
                attachment.Bytes = value;
                break;
            case TnefAttribute.AttachmentProperties when attachment is not null:
                Properties(value, (property, type, content) => TakeOfAttachment(attachment, property, type, content));
                break;
        }
    }

    private void Properties(ReadOnlyMemory<byte> list, Action<MapiProperty, MapiType, ReadOnlyMemory<byte>> act)
    {
        if (!MapiProperties.Read(list, act)) _defects.Add(MimeDefectKind.TnefWrong, "A list of properties in the winmail.dat cannot be read to its end; those before are taken.");
    }

    private void TakeOfMessage(MapiProperty property, MapiType type, ReadOnlyMemory<byte> value)
    {
        switch (property)
        {
            case MapiProperty.MessageClass:
                MessageClass = Line(type, value.Span) ?? MessageClass;
                break;
            case MapiProperty.Subject:
                Subject = Line(type, value.Span) ?? Subject;
                break;
            case MapiProperty.Body:
                Text = String(type, value.Span, _encoding);
                break;
            case MapiProperty.Html:
                _html = (type, value);
                break;
            case MapiProperty.InternetCodePage when value.Length >= 4:
                _htmlEncoding = CharsetReader.Find(BinaryPrimitives.ReadInt32LittleEndian(value.Span));
                break;
            case MapiProperty.CompressedRtf:
                _compressedRtf = value;
                break;
        }
    }

    private void TakeOfAttachment(PendingAttachment attachment, MapiProperty property, MapiType type, ReadOnlyMemory<byte> value)
    {
        switch (property)
        {
            case MapiProperty.AttachmentData:
                attachment.Bytes = type == MapiType.Object ? value[Math.Min(InterfaceId, value.Length)..] : value;
                break;
            case MapiProperty.AttachmentMethod when value.Length >= 4:
                attachment.IsMessage = BinaryPrimitives.ReadInt32LittleEndian(value.Span) == EmbeddedMessage;
                break;
            case MapiProperty.AttachmentLongName:
                attachment.LongName = Line(type, value.Span);
                break;
            case MapiProperty.AttachmentShortName:
                attachment.ShortName = Line(type, value.Span);
                break;
            case MapiProperty.DisplayName:
                attachment.DisplayName = Line(type, value.Span);
                break;
            case MapiProperty.AttachmentMediaType:
                attachment.MediaType = Line(type, value.Span)?.ToLowerInvariant() is { } named && MessageWriter.IsMediaType(named) ? named : null;
                break;
            case MapiProperty.AttachmentContentId:
                attachment.ContentId = Line(type, value.Span)?.TrimStart('<').TrimEnd('>');
                break;
        }
    }

    private void AddAttachment(PendingAttachment? attachment)
    {
        if (attachment is null) return;
        if (_attachments.Count == MostAttachments) _defects.Add(MimeDefectKind.LimitReached, $"The winmail.dat has more than {MostAttachments} attachments; the others are not listed.");
        else _attachments.Add(new(attachment.Name, attachment.MediaType, attachment.ContentId, attachment.Bytes, attachment.IsMessage));
    }

    private string? Line(MapiType type, ReadOnlySpan<byte> value) =>
        HeaderText.Clean(HeaderText.Breakless(String(type, value, _encoding))).Trim() is { Length: > 0 } line ? line : null;

    /// <summary>What the message says, or else the HTML for itself; as a string it is in the code page of all strings.</summary>
    private Encoding HtmlEncoding(MapiType type, ReadOnlySpan<byte> html) => _htmlEncoding ?? (type == MapiType.Binary ? CharsetReader.Find(CharsetReader.NamedInHtml(html)) : null) ?? _encoding;

    private static string String(MapiType type, ReadOnlySpan<byte> value, Encoding encoding) => (type == MapiType.Unicode ? Encoding.Unicode : encoding).GetString(value).TrimEnd('\0');

    /// <summary>The sum of the bytes ([MS-OXTNEF] section 2.1.3.1).</summary>
    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        foreach (var b in bytes) sum += b;
        return (ushort)sum;
    }

    private sealed class PendingAttachment
    {
        public string? LongName, DisplayName, Title, ShortName;
        public string? MediaType, ContentId;
        public ReadOnlyMemory<byte> Bytes;
        public bool IsMessage;

        /// <summary>The title of an older Outlook is the short name of DOS, and of an object the same for all.</summary>
        public string? Name => LongName ?? DisplayName ?? Title ?? ShortName;
    }

    /// <summary>Type in the high half, id in the low ([MS-OXTNEF] section 2.1.3).</summary>
    private enum TnefAttribute : uint
    {
        Subject = 0x00018004,
        Body = 0x0002800C,
        AttachmentData = 0x0006800F,
        AttachmentTitle = 0x00018010,
        AttachmentBegins = 0x00069002,
        MessageProperties = 0x00069003,
        AttachmentProperties = 0x00069005,
        CodePage = 0x00069007,
        MessageClass = 0x00078008,
    }
}
