using Postrider.Mail.Mime;

namespace Postrider.Mail.Reports;

/// <summary>What in a message's header speaks for a mail server as its writer.</summary>
internal sealed record BounceSigns(bool LooksLikeBounce)
{
    // Subjects of mail servers, in their beginnings or as they stand within: the words, not the languages, are what they have in common.
    private static readonly string[] Subjects =
    [
        "undeliver", "delivery status notification", "failure notice", "returned mail", "mail delivery failed", "delivery failure", "delivery failed", "mail system error", "mail failure", "could not be delivered", "not delivered",
        "delivery notification", "delivery report", "delivery has failed", "message status - undeliverable", "nondeliverable", "non-deliver", "non deliver", "rejected mail", "message delayed", "delayed mail", "warning: message", "delivery problem",
        "error sending", "mail could not", "warning: could not send", "unzustellbar", "non remis", "non recapit", "no se ha podido entregar", "mail delivery", "message from", "errors from", "bounced", "aws notification message", "email delivery", "smtp server: errors", "delivery error", "fwd: undeliverable", "unable to deliver",
        "permanent delivery", "message you sent", "mailer-daemon", "can't deliver", "cannot deliver", "not sent", "email rejected", "message not deliv", "loop alert", "not member", "there was an error", "blocked by", "was not accepted", "recipient", "mail refused", "notificação", "statut de", "配信", "エラー", "messaging error", "message undeliv", "failed mail", "mdaemon warning", "delivery delay", "failure delivery",
    ];

    private static readonly string[] Senders = ["mailer-daemon", "mailerdaemon", "postmaster", "mail-daemon", "mdaemon", "maildaemon", "mail delivery", "bounce", "mailer_daemon", "mdsn", "double-bounce", "system administrator", "internet-mailer", "no-reply@sns.amazonaws.com", "-admin@", "mail_delivery", "notification@"];

    /// <param name="original">What came back with it.</param>
    public static BounceSigns Of(MimeMessage message, OriginalMail original)
    {
        if (message.Root.Find("X-Failed-Recipients") is not null || message.Root is { MediaType: "multipart/report" }) return new(true);
        var from = (message.Header("From") ?? "").ToLowerInvariant();
        var sender = Senders.Any(s => from.Contains(s, StringComparison.Ordinal));
        var subject = (message.Subject ?? "").ToLowerInvariant();
        var words = Subjects.Any(s => subject.Contains(s, StringComparison.Ordinal));
        var path = message.Header("Return-Path")?.Trim();
        var noPath = path is "<>" or "" || path?.Contains("mailer-daemon", StringComparison.OrdinalIgnoreCase) == true;
        // A program returns to its writer the mail that it encloses, whatever it calls itself: the mobile carriers' do so.
        var returned = (noPath || from.Contains("no-reply", StringComparison.Ordinal)) && original.Sender is { } writer && message.To.Any(to => to.Address.Equals(writer));
        if (returned) return new(true);
        // A list of people talking about mail servers has the words; it has neither the sender nor the empty return path.
        return new((sender && (words || noPath)) || (noPath && words) || (sender && subject.Length == 0));
    }
}
