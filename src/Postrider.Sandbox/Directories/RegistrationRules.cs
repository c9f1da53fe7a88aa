namespace Postrider.Sandbox.Directories;

/// <summary>What Entra allows in a registration. Microsoft: "Redirect URI (reply URL) outline and restrictions" and "Supported account types validation differences", read 2026-11.</summary>
internal static class RegistrationRules
{
    private static readonly System.Buffers.SearchValues<char> UnsupportedCharacters = System.Buffers.SearchValues.Create("!$'(),;");

    /// <summary>Two rotate; more are not needed where personal accounts sign in.</summary>
    public static int MaxSecrets(SignInAudience audience) => IsPersonal(audience) ? 2 : 30;

    public static int MaxRedirectUris(SignInAudience audience) => IsPersonal(audience) ? 100 : 256;

    /// <returns>Null when the name may be used.</returns>
    public static DirectoryRefusal? CheckName(string? name, SignInAudience audience)
    {
        if (string.IsNullOrWhiteSpace(name)) return new("name-missing", "Enter a name for the application.");
        if (name.Any(char.IsControl)) return new("name-invalid", "The name holds a character that is not allowed.");
        var most = IsPersonal(audience) ? 90 : 120;
        return name.Trim().Length > most ? new("name-too-long", $"The name can be at most {most} characters long.") : null;
    }

    /// <returns>Null when the address may be registered for the platform <i>Web</i>.</returns>
    public static DirectoryRefusal? CheckRedirectUri(string? text, SignInAudience audience)
    {
        if (string.IsNullOrWhiteSpace(text)) return new("redirect-uri-missing", "Enter a redirect URI.");
        if (text.Length > 256) return new("redirect-uri-too-long", "A redirect URI can be at most 256 characters long.");
        if (text.Contains('*', StringComparison.Ordinal)) return new("redirect-uri-wildcard", "Wildcards (*) are not supported in a redirect URI.");
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || text.Any(c => c <= ' ' || c == '\u007f'))
            return new("redirect-uri-invalid", "Must be a valid URI, such as https://contoso.com/auth.");
        if (uri.Scheme != Uri.UriSchemeHttps && !(uri.Scheme == Uri.UriSchemeHttp && uri.Host == "localhost"))
            return new("redirect-uri-not-https", "Must start with \"HTTPS\" or \"http://localhost\".");
        if (uri.Fragment.Length > 0) return new("redirect-uri-fragment", "A redirect URI cannot have a fragment (#).");
        if (text.AsSpan().IndexOfAny(UnsupportedCharacters) >= 0) return new("redirect-uri-character", "The characters ! $ ' ( ) , ; are not supported in a redirect URI.");
        if (IsPersonal(audience) && uri.Query.Length > 0) return new("redirect-uri-query", "A redirect URI cannot have a query string when personal Microsoft accounts can sign in.");
        return null;
    }

    /// <summary>Exact, with the one exception that the port of <c>http://localhost</c> is not compared.</summary>
    public static bool Matches(string registered, string requested)
    {
        if (registered.Equals(requested, StringComparison.Ordinal)) return true;
        return Uri.TryCreate(registered, UriKind.Absolute, out var a) && Uri.TryCreate(requested, UriKind.Absolute, out var b)
            && a.Scheme == Uri.UriSchemeHttp && b.Scheme == Uri.UriSchemeHttp && a.Host == "localhost" && b.Host == "localhost"
            && b.UserInfo.Length == 0 && b.Fragment.Length == 0
            && a.PathAndQuery.Equals(b.PathAndQuery, StringComparison.Ordinal);
    }

    private static bool IsPersonal(SignInAudience audience) => audience is SignInAudience.AzureADandPersonalMicrosoftAccount or SignInAudience.PersonalMicrosoftAccount;
}
