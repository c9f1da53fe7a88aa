using Postrider.Web;

namespace Postrider.Settings;

internal static class SettingsProblems
{
    public static Problem KeyNotAllowed(string key) => new("parameter-key-not-allowed", "This key cannot be used.", key.Length == 0 ? "The key is empty." : null,
        "Use letters, digits, dots, hyphens and underscores, 100 at most.", "you", RetriesByItself: false);

    public static Problem ValueNotAllowed(string key, string expected) => new("parameter-value-not-allowed", $"{key} does not take this value.", null,
        $"Enter {expected}.", "you", RetriesByItself: false);

    public static Problem KeyTaken(string key) => new("parameter-key-taken", $"There is a parameter {key} already.", null,
        "Change that one, or choose another key.", "you", RetriesByItself: false);

    public static Problem NoSuchKey(string key) => new("parameter-not-found", $"There is no parameter {key}.", null,
        "Somebody may have deleted it; go back to the list.", "you", RetriesByItself: false);
}
