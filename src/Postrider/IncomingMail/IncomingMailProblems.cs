using Postrider.Web;

namespace Postrider.IncomingMail;

internal static class IncomingMailProblems
{
    public const string NotFoundCode = "incoming-mail-not-found";
    public const string NoSender = "incoming-mail-no-sender";
    public const string ReportOnUnknownMail = "incoming-mail-report-on-unknown-mail";
    public const string NoRoute = "incoming-mail-no-route";
    public const string Refused = "incoming-mail-refused";
    public const string Loop = "incoming-mail-loop";
    public const string AutomaticNotPlaced = "incoming-mail-automatic-not-placed";
    public const string Unreadable = "incoming-mail-unreadable";
    public const string NotProcessed = "incoming-mail-not-processed";

    /// <summary>The mailbox lists it and does not hand it over: there are no bytes.</summary>
    public const string NotHandedOver = "incoming-mail-not-handed-over";

    public static Problem NotFound() => new(NotFoundCode, IncomingMailTexts.NotFoundWhat, null, IncomingMailTexts.NotFoundRemedy, "you", RetriesByItself: false);

    /// <summary>It is known, and does not wait: processed, sent somewhere or discarded meanwhile.</summary>
    public static Problem NotWaiting() => new("incoming-mail-not-waiting", IncomingMailTexts.NotWaitingWhat, null, IncomingMailTexts.NotFoundRemedy, "you", RetriesByItself: false);

    public static Problem NoBytes(string reason) => new("incoming-mail-without-bytes", IncomingMailTexts.NoBytesWhat, reason, IncomingMailTexts.NoBytesRemedy, "you", RetriesByItself: false);

    public static Problem NoTarget() => new("incoming-mail-no-target", IncomingMailTexts.NoTargetWhat, null, IncomingMailTexts.NoTargetRemedy, "you", RetriesByItself: false);

    public static Problem NothingChosen() => new("incoming-mail-nothing-chosen", IncomingMailTexts.NothingChosenWhat, null, IncomingMailTexts.NothingChosenRemedy, "you", RetriesByItself: false);

    public static Problem StillQuarantined(string reason) => new("incoming-mail-still-quarantined", IncomingMailTexts.StillQuarantinedWhat, reason, IncomingMailTexts.StillQuarantinedRemedy, "administrator", RetriesByItself: false);
}
