using Postrider.Web;

namespace Postrider.IncomingMail;

internal static class IncomingMailProblems
{
    public const string NotFoundCode = "incoming-mail-not-found";
    public const string NoSender = "incoming-mail-no-sender";
    public const string ReportOnUnknownMail = "incoming-mail-report-on-unknown-mail";
    public const string Unreadable = "incoming-mail-unreadable";
    public const string NotProcessed = "incoming-mail-not-processed";

    /// <summary>The mailbox lists it and does not hand it over: there are no bytes.</summary>
    public const string NotHandedOver = "incoming-mail-not-handed-over";

    public static Problem NotFound() => new(NotFoundCode, IncomingMailTexts.NotFoundWhat, null, IncomingMailTexts.NotFoundRemedy, "you", RetriesByItself: false);

    public static Problem StillQuarantined(string reason) => new("incoming-mail-still-quarantined", IncomingMailTexts.StillQuarantinedWhat, reason, IncomingMailTexts.StillQuarantinedRemedy, "administrator", RetriesByItself: false);
}
