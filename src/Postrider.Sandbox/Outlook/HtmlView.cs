using Postrider.Mail.Mime;

namespace Postrider.Sandbox.Outlook;

/// <summary>The HTML of a message for the sandboxed frame: nothing is taken out, because nothing in it can run or load there.</summary>
internal static class HtmlView
{
    // A frame with every picture of a large message inside would be heavier than the message is worth.
    private const int MaxPictureBytes = 4 * 1024 * 1024;

    /// <summary>Pictures that came with the message take the place of their <c>cid:</c> references; pictures on the net stay away.</summary>
    /// <returns>Null when the message has no HTML.</returns>
    public static string? Of(MimeMessage message)
    {
        if (message.HtmlBody is not { } html) return null;
        var room = MaxPictureBytes;
        foreach (var part in message.Attachments)
        {
            if (part.ContentId is not { Length: > 0 } id || part.MediaType is not ("image/png" or "image/jpeg" or "image/gif" or "image/webp")) continue;
            if (!html.Contains("cid:" + id, StringComparison.OrdinalIgnoreCase)) continue;
            var bytes = part.DecodeBytes();
            room -= bytes.Length;
            if (room < 0) break;
            html = html.Replace("cid:" + id, $"data:{part.MediaType};base64,{Convert.ToBase64String(bytes)}", StringComparison.OrdinalIgnoreCase);
        }
        return html;
    }
}
