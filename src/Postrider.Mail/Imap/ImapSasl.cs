using System.Text;
using System.Text.Json;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>What a server says when it refuses a token.</summary>
internal static class ImapSasl
{
    /// <summary>RFC 7628 section 3.2.2, used for XOAUTH2 too: base64 of a JSON object. Null when there is nothing to be read.</summary>
    public static string? Reason(string challenge)
    {
        var bytes = new byte[challenge.Length];
        if (challenge.Length is 0 or > 8192 || !Convert.TryFromBase64String(challenge, bytes, out var length)) return null;
        try
        {
            using var json = JsonDocument.Parse(bytes.AsMemory(0, length), new JsonDocumentOptions { MaxDepth = 8 });
            if (json.RootElement.ValueKind != JsonValueKind.Object) return null;
            var said = json.RootElement.EnumerateObject().Where(p => p.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number).Take(8).Select(p => $"{p.Name} {p.Value}");
            return WireText.Printable(string.Join(", ", said));
        }
        catch (JsonException)
        {
            return WireText.Printable(bytes.AsSpan(0, Math.Min(length, 200)));
        }
    }
}
