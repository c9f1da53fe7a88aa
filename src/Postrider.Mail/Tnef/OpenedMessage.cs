using Postrider.Mail.Mime;

namespace Postrider.Mail.Tnef;

/// <summary>A file of a message.</summary>
/// <param name="FileName">Null: it has no name.</param>
/// <param name="ContentId">By which the HTML names it, without angle brackets; null: it is not named.</param>
/// <param name="Bytes">Decoded.</param>
public sealed record MessageFile(string? FileName, string MediaType, string? ContentId, ReadOnlyMemory<byte> Bytes);

/// <summary>What a person gets of a message: as <see cref="MimeMessage"/> tells it, and where Outlook has put it into a <c>winmail.dat</c>, what is in there.</summary>
/// <param name="Text">Null: there is none.</param>
/// <param name="Html">As sent: hostile until sanitised. Null: there is none.</param>
/// <param name="Files">In the order of the message. A <c>winmail.dat</c> with files is replaced by them; one that holds none stays, so that nothing is hidden.</param>
public sealed record OpenedMessage(string? Text, string? Html, IReadOnlyList<MessageFile> Files)
{
    /// <param name="message">With its bytes at hand, not read in blocks.</param>
    public static OpenedMessage Of(MimeMessage message)
    {
        var (text, html) = (message.TextBody, message.HtmlBody);
        var files = new List<MessageFile>();
        foreach (var part in message.Attachments)
        {
            var bytes = part.DecodeBytes();
            var tnef = TnefMessage.Is(part) ? TnefMessage.Read(bytes) : null;
            if (string.IsNullOrWhiteSpace(text) && html is null && tnef is not null) (text, html) = (tnef.Text ?? text, tnef.Html);
            if (tnef is null || tnef.Attachments.Count == 0) files.Add(new(part.FileName, part.MediaType, part.ContentId, bytes));
            // An enclosed message is in a form that nothing else opens; the name tells.
            else foreach (var file in tnef.Attachments) files.Add(new(file.FileName, file.IsMessage ? "application/ms-tnef" : file.MediaType ?? "application/octet-stream", file.ContentId, file.Bytes));
        }
        return new(text, html, files);
    }
}
