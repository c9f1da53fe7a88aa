namespace Postrider.Entra;

/// <summary>Where a Microsoft cloud is. <see cref="Login"/> may be http for a loopback address only.</summary>
public sealed record MicrosoftCloud(string Name, Uri Login, string SmtpHost, int SmtpPort, string ImapHost, int ImapPort)
{
    // Submission hosts of Microsoft's clouds, of Outlook.com and of High Volume Email.
    private static readonly string[] SmtpHosts =
    [
        "smtp.office365.com", "outlook.office365.com", "smtp-mail.outlook.com", "smtp.outlook.com", "smtp.office365.us", "outlook-dod.office365.us", "smtp.partner.outlook.cn", "smtp.hve.mx.microsoft", "smtp-hve.office365.com",
    ];

    /// <summary>A mailbox's token may be shown to this host: Microsoft's own in any cloud, or the one this hub was set up with.</summary>
    public bool MayReceiveTokens(string smtpHost) => smtpHost.Equals(SmtpHost, StringComparison.OrdinalIgnoreCase) || SmtpHosts.Contains(smtpHost, StringComparer.OrdinalIgnoreCase);

    /// <summary>Microsoft: "POP, IMAP, and SMTP settings for Outlook.com" and "How to set up a multifunction device or application to send email", read 2026-11.</summary>
    public static MicrosoftCloud Worldwide { get; } = new("Worldwide", new Uri("https://login.microsoftonline.com/"), "smtp.office365.com", 587, "outlook.office365.com", 993);
}
