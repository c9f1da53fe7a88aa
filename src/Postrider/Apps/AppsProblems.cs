using Postrider.Web;

namespace Postrider.Apps;

internal static class AppsProblems
{
    public static Problem NotFound { get; } = new("app-not-found", AppsTexts.UnknownWhat, null, AppsTexts.UnknownRemedy, "you", RetriesByItself: false);

    public static Problem Needed(KnownApp app, string reason) => new("app-in-use", AppsTexts.NeededWhat.With(app.Title), reason, AppsTexts.NeededRemedy, "you", RetriesByItself: false);
}
