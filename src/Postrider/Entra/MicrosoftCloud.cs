namespace Postrider.Entra;

/// <summary>Where a Microsoft cloud is. <see cref="Login"/> may be http for a loopback address only.</summary>
public sealed record MicrosoftCloud(string Name, Uri Login, string SmtpHost, int SmtpPort, string ImapHost, int ImapPort)
{
    /// <summary>Microsoft: "POP, IMAP, and SMTP settings for Outlook.com" and "How to set up a multifunction device or application to send email", read 2026-11.</summary>
    public static MicrosoftCloud Worldwide { get; } = new("Worldwide", new Uri("https://login.microsoftonline.com/"), "smtp.office365.com", 587, "outlook.office365.com", 993);
}
