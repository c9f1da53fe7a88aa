using Postrider.Web;

namespace Postrider.Apps;

internal static class AppsProblems
{
    public static Problem Unknown(string name) => new("app-not-found", "There is no such app.", name.Length <= 100 ? name : null, "Choose one from the list of apps.", "you", RetriesByItself: false);

    public static Problem Needed(KnownApp app, string reason) => new("app-in-use", $"{app.Title} cannot be uninstalled.", reason, "Remove what uses it first.", "you", RetriesByItself: false);
}
