namespace Postrider.Mail.Mime;

/// <summary>What can be wrong with a message. New kinds are added at the end.</summary>
public enum MimeDefectKind
{
    /// <summary>A line that is no field ends a header, or a header begins with a continuation.</summary>
    HeaderBroken,
    /// <summary>A part ends within its header.</summary>
    HeaderCut,
    /// <summary>A bound of <see cref="MimeLimits"/> was reached: what lies beyond is kept as bytes.</summary>
    LimitReached,
    /// <summary>No boundary, or none that can be used.</summary>
    BoundaryMissing,
    /// <summary>A multipart has no closing delimiter.</summary>
    NotClosed,
    /// <summary>A transfer encoding stands where none may, is not known, or encodes a whole message.</summary>
    TransferEncodingWrong,
    /// <summary>A field that may stand once stands more often, or cannot be read.</summary>
    FieldWrong,
    AddressWrong,
    DateWrong,
    MessageIdWrong,
    /// <summary>The charset is missing, unknown, refused, or does not fit the text.</summary>
    CharsetWrong,
    /// <summary>There are more defects than are listed.</summary>
    More,
    /// <summary>A <c>winmail.dat</c> is cut or damaged.</summary>
    TnefWrong,
}

/// <summary>One thing that is wrong with a message, and how it was read all the same.</summary>
/// <param name="Detail">One sentence for a person.</param>
/// <param name="Offset">Where, in bytes from the start of the message; null where it concerns a field or a text as a whole, or lies within an encoded message.</param>
public sealed record MimeDefect(MimeDefectKind Kind, string Detail, long? Offset = null)
{
    public override string ToString() => Detail;
}
