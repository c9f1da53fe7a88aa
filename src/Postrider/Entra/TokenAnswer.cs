using System.Globalization;
using System.Text.Json;
using Postrider.Doctor;

namespace Postrider.Entra;

/// <summary>What the token endpoint gave. ToString shows no token.</summary>
/// <param name="RefreshToken">Null when none came: the one we have stays in use.</param>
/// <param name="IdToken">Null unless openid was asked for and answered.</param>
/// <param name="Scope">What was granted, which may differ from what was asked; null when the answer does not say.</param>
internal sealed record TokenAnswer(string AccessToken, TimeSpan ExpiresIn, string? RefreshToken, string? IdToken, string? Scope)
{
    public override string ToString() => $"token for {Scope}, {ExpiresIn}";
}

/// <summary>Reads answers of the token endpoint. Pure; takes anything a stranger may send.</summary>
internal static class TokenAnswerReader
{
    /// <summary>Microsoft gives 60 to 90 minutes, up to 28 hours with continuous access evaluation. Anything longer is not believed.</summary>
    private static readonly TimeSpan LongestLife = TimeSpan.FromHours(28);

    // A token is some kilobytes; four times the longest seen is plenty and keeps rows small.
    private const int MaxTokenLength = 64 * 1024;

    /// <summary>Exactly one of the two is not null.</summary>
    public static (TokenAnswer? Answer, SignInFailure? Failure) Read(int status, ReadOnlyMemory<byte> body, TimeSpan? retryAfter)
    {
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 16 });
            root = document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return (null, new SignInFailure(status, "", null, [], "The answer was not JSON.", retryAfter));
        }

        if (root.ValueKind != JsonValueKind.Object) return (null, new SignInFailure(status, "", null, [], "The answer was not a JSON object.", retryAfter));
        if (status is < 200 or >= 300 || root.TryGetProperty("error", out _)) return (null, ReadFailure(status, root, retryAfter));

        var accessToken = Text(root, "access_token");
        var tokenType = Text(root, "token_type");
        var seconds = Seconds(root);
        if (!IsToken(accessToken) || !string.Equals(tokenType, "Bearer", StringComparison.OrdinalIgnoreCase) || seconds is not > 0)
            return (null, new SignInFailure(status, "", null, [], "The answer held no usable access token.", retryAfter));

        var life = TimeSpan.FromSeconds(Math.Min(seconds.Value, LongestLife.TotalSeconds));
        var refreshToken = Text(root, "refresh_token");
        return (new TokenAnswer(accessToken!, life, IsToken(refreshToken) ? refreshToken : null, Text(root, "id_token"), Text(root, "scope")), null);
    }

    private static SignInFailure ReadFailure(int status, JsonElement root, TimeSpan? retryAfter)
    {
        var codes = new List<int>();
        if (root.TryGetProperty("error_codes", out var list) && list.ValueKind == JsonValueKind.Array)
            foreach (var item in list.EnumerateArray().Take(8))
                if (item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var code)) codes.Add(code);
        var description = Text(root, "error_description");
        if (codes.Count == 0 && AadstsCode(description) is { } found) codes.Add(found);
        return new SignInFailure(status, Short(Text(root, "error")) ?? "", Short(Text(root, "suberror")), codes, Sentence(description), retryAfter);
    }

    /// <summary>The redirect of a refused authorize request: <c>error</c> and <c>error_description</c> in the query.</summary>
    public static SignInFailure ReadRedirect(string error, string? description)
    {
        IReadOnlyList<int> codes = AadstsCode(description) is { } code ? [code] : [];
        return new SignInFailure(null, Short(error) ?? "", null, codes, Sentence(description));
    }

    /// <summary>The number after the first <c>AADSTS</c>; null when there is none.</summary>
    public static int? AadstsCode(string? description)
    {
        const string Mark = "AADSTS";
        var at = description?.IndexOf(Mark, StringComparison.Ordinal) ?? -1;
        if (at < 0) return null;
        var digits = description.AsSpan(at + Mark.Length);
        var length = 0;
        while (length < digits.Length && length < 9 && char.IsAsciiDigit(digits[length])) length++;
        return length > 0 && int.TryParse(digits[..length], NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? code : null;
    }

    /// <summary>The description without trace ids, on one line, at most 400 characters: what a person can use.</summary>
    public static string? Sentence(string? description)
    {
        if (string.IsNullOrWhiteSpace(description)) return null;
        var end = description.IndexOf("Trace ID:", StringComparison.Ordinal);
        var text = end > 0 ? description[..end] : description;
        text = string.Join(' ', text.Split((char[])[' ', '\r', '\n', '\t', '\0'], StringSplitOptions.RemoveEmptyEntries));
        text = new string([.. text.Where(c => !char.IsControl(c))]);
        return text.Length <= 400 ? text : text[..399] + "…";
    }

    private static string? Short(string? word) => word is { Length: > 0 and <= 64 } && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.') ? word : null;

    private static bool IsToken(string? token) => token is { Length: > 0 and <= MaxTokenLength } && token.All(c => c is > ' ' and < '\x7f');

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // expires_in is a number; older endpoints sent it as text.
    private static double? Seconds(JsonElement root)
    {
        if (!root.TryGetProperty("expires_in", out var value)) return null;
        if (value.ValueKind == JsonValueKind.Number) return value.TryGetDouble(out var number) ? number : null;
        return value.ValueKind == JsonValueKind.String && double.TryParse(value.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : null;
    }
}
