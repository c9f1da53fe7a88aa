using Postrider.Web;

namespace Postrider.Settings;

internal static class SettingsProblems
{
    public static Problem KeyNotAllowed(string key) => new("parameter-key-not-allowed", SettingsTexts.KeyNotAllowedWhat, key.Length == 0 ? SettingsTexts.KeyEmptyDetail : null,
        SettingsTexts.KeyNotAllowedRemedy, "you", RetriesByItself: false);

    public static Problem ValueNotAllowed(string key, string expected) => new("parameter-value-not-allowed", SettingsTexts.ValueNotAllowedWhat.With(key), null,
        SettingsTexts.ValueNotAllowedRemedy.With(expected), "you", RetriesByItself: false);

    public static Problem KeyTaken(string key) => new("parameter-key-taken", SettingsTexts.KeyTakenWhat.With(key), null,
        SettingsTexts.KeyTakenRemedy, "you", RetriesByItself: false);

    public static Problem KeyNotFound(string key) => new("parameter-not-found", SettingsTexts.KeyNotFoundWhat.With(key), null,
        SettingsTexts.KeyNotFoundRemedy, "you", RetriesByItself: false);
}
