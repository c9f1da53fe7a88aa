namespace Postrider.Entra;

/// <summary>The permissions a mailbox gives, and how granted ones are compared.</summary>
internal static class OutlookScopes
{
    private const string Resource = "https://outlook.office.com/";
    public const string SmtpSend = "SMTP.Send";
    public const string ImapAccess = "IMAP.AccessAsUser.All";

    /// <summary>One consent asks for both directions. A token request names one resource only (AADSTS28000), which these do.</summary>
    public static string Requested { get; } = $"{Resource}{SmtpSend} {Resource}{ImapAccess} offline_access openid profile email";

    /// <summary>Microsoft stamps the prefix of the asked resource on everything that was consented, and may answer with another prefix: the last segment is what counts.</summary>
    public static bool Grants(string? grantedScopes, string permission) =>
        grantedScopes?.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Any(scope => string.Equals(scope[(scope.LastIndexOf('/') + 1)..], permission, StringComparison.OrdinalIgnoreCase)) == true;
}
