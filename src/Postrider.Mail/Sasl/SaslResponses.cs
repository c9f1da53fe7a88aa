using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Sasl;

/// <summary>The client's and the server's side of the SASL mechanisms, as the bytes between the base64.</summary>
internal static class SaslResponses
{
    /// <summary>Characters that separate fields or lines; within a name or secret they would forge other fields.</summary>
    private static readonly SearchValues<char> Separators = SearchValues.Create("\0\u0001\r\n");

    /// <summary>Null when the credential can be put on the wire; else what is wrong with it, without showing it.</summary>
    public static string? Flaw(SaslCredential credential)
    {
        if (credential is SaslCredential.External) return null;
        var secret = credential switch { SaslCredential.XOAuth2 x => x.AccessToken, SaslCredential.Plain p => p.Password, _ => "" };
        if (credential.UserName.Length == 0) return "The user name is empty.";
        if (credential.UserName.AsSpan().ContainsAny(Separators)) return "The user name holds a control character.";
        if (secret.Length == 0) return credential is SaslCredential.XOAuth2 ? "The access token is empty." : "The password is empty.";
        if (secret.AsSpan().ContainsAny(Separators)) return credential is SaslCredential.XOAuth2 ? "The access token holds a control character." : "The password holds a control character.";
        return null;
    }

    /// <summary>Base64 of the one response of XOAUTH2 (Microsoft: "Authenticate an IMAP, POP or SMTP connection using OAuth", read 2026-11).</summary>
    public static string XOAuth2(SaslCredential.XOAuth2 credential) => Encode($"user={credential.UserName}\u0001auth=Bearer {credential.AccessToken}\u0001\u0001");

    /// <summary>Base64 of the one response of OAUTHBEARER (RFC 7628 section 3.1). The name goes into the GS2 header, where a comma and an equals sign are written as RFC 5801 section 4 says.</summary>
    public static string OAuthBearer(SaslCredential.XOAuth2 credential, string host, int port) =>
        Encode($"n,a={credential.UserName.Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal)},\u0001host={host}\u0001port={port.ToString(CultureInfo.InvariantCulture)}\u0001auth=Bearer {credential.AccessToken}\u0001\u0001");

    /// <summary>What a client says to the error challenge of OAUTHBEARER: a single %x01 (RFC 7628 section 3.2.3). XOAUTH2 says nothing.</summary>
    public const string OAuthBearerAcknowledgement = "AQ==";

    /// <summary>Base64 of RFC 4616's message with an empty authorization identity.</summary>
    public static string Plain(SaslCredential.Plain credential) => Encode($"\0{credential.UserName}\0{credential.Password}");

    public static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    /// <summary>Reads the client's XOAUTH2 response. Null: it is not one.</summary>
    public static SaslCredential.XOAuth2? ReadXOAuth2(ReadOnlySpan<byte> base64)
    {
        if (Decode(base64) is not { } text || !text.EndsWith("\u0001\u0001", StringComparison.Ordinal)) return null;
        string? user = null, token = null;
        foreach (var field in text[..^2].Split('\u0001'))
        {
            if (field.StartsWith("user=", StringComparison.Ordinal) && user is null) user = field[5..];
            // RFC 6750 section 2.1 and RFC 7235 section 2.1: the scheme is compared without case.
            else if (field.StartsWith("auth=Bearer ", StringComparison.OrdinalIgnoreCase) && token is null) token = field[12..].Trim(' ');
            else return null;
        }
        if (user is null || token is null) return null;
        var credential = new SaslCredential.XOAuth2(user, token);
        return Flaw(credential) is null ? credential : null;
    }

    /// <summary>Reads the client's OAUTHBEARER response. Null: it is not one, it names nobody, or it asks for channel binding.</summary>
    public static SaslCredential.XOAuth2? ReadOAuthBearer(ReadOnlySpan<byte> base64)
    {
        if (Decode(base64)?.Split('\u0001') is not [var header, .. var fields, "", ""]) return null;
        // RFC 5801 section 4: channel binding not used by the client ("n") or not by the server ("y"); the identity asked for.
        if (header.Split(',') is not ["n" or "y", ['a', '=', .. var name], ""]) return null;
        string? token = null;
        foreach (var field in fields)
        {
            if (field.StartsWith("auth=", StringComparison.Ordinal))
            {
                if (token is not null || !field.AsSpan(5).StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) return null;
                token = field[12..].Trim(' ');
            }
            // RFC 7628 section 3.1: what is not known is passed over.
            else if (!field.Contains('=', StringComparison.Ordinal)) return null;
        }
        if (token is null) return null;
        var credential = new SaslCredential.XOAuth2(name.Replace("=2C", ",", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal), token);
        return Flaw(credential) is null ? credential : null;
    }

    /// <summary>Reads RFC 4616's message. Null: it is not one, or it asks to act for another identity.</summary>
    public static SaslCredential.Plain? ReadPlain(ReadOnlySpan<byte> base64)
    {
        if (Decode(base64)?.Split('\0') is not [var authorization, var user, var password]) return null;
        if (authorization.Length > 0 && authorization != user) return null;
        var credential = new SaslCredential.Plain(user, password);
        return Flaw(credential) is null ? credential : null;
    }

    /// <summary>Strict base64 of strict UTF-8; null for anything else. A lone <c>=</c> is the empty response (RFC 4954 section 4).</summary>
    public static string? Decode(ReadOnlySpan<byte> base64)
    {
        if (base64.SequenceEqual("="u8)) return "";
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(base64.Length)];
        if (Base64.DecodeFromUtf8(base64, bytes, out var read, out var written) != OperationStatus.Done || read != base64.Length) return null;
        try
        {
            return StrictUtf8.GetString(bytes.AsSpan(0, written));
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>What the error challenge of XOAUTH2 or OAUTHBEARER (RFC 7628 section 3.2.2) says, for a person.</summary>
    /// <param name="challenge">The base64 text after <c>334 </c> or <c>+ </c>.</param>
    public static string Reason(string challenge)
    {
        var text = Decode(Encoding.UTF8.GetBytes(challenge.Trim())) ?? challenge;
        try
        {
            using var json = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 8 });
            if (json.RootElement.ValueKind == JsonValueKind.Object)
                text = string.Join(", ", json.RootElement.EnumerateObject().Take(8).Select(p => $"{p.Name} {p.Value}"));
        }
        catch (JsonException)
        {
            // Shown as it is.
        }
        text = WireText.Printable(text);
        return text.Length <= 300 ? text : text[..300] + "…";
    }

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
}
