using Postrider.Web;

namespace Postrider.Users;

internal static class UsersProblems
{
    public static Problem SetupLinkInvalid { get; } = new("setup-link-not-valid", UsersTexts.SetupLinkInvalidWhat, null, UsersTexts.SetupLinkInvalidRemedy, "administrator", RetriesByItself: false);
    public static Problem PasswordLinkInvalid { get; } = new("password-link-not-valid", UsersTexts.PasswordLinkInvalidWhat, null, UsersTexts.PasswordLinkInvalidRemedy, "administrator", RetriesByItself: false);
    public static Problem SignInRefused { get; } = new("sign-in-refused", UsersTexts.SignInRefusedWhat, null, UsersTexts.SignInRefusedRemedy, "you", RetriesByItself: false);
    public static Problem TooManySignIns { get; } = new("sign-in-too-many", UsersTexts.TooManySignInsWhat, null, UsersTexts.TooManySignInsRemedy, "you", RetriesByItself: false);
    public static Problem NameMissing { get; } = new("user-name-missing", UsersTexts.NameMissingWhat, null, UsersTexts.NameMissingRemedy, "you", RetriesByItself: false);
    public static Problem EmailNotValid { get; } = new("user-email-not-valid", UsersTexts.EmailNotValidWhat, null, UsersTexts.EmailNotValidRemedy, "you", RetriesByItself: false);
    public static Problem EmailTaken { get; } = new("user-email-taken", UsersTexts.EmailTakenWhat, null, UsersTexts.EmailTakenRemedy, "you", RetriesByItself: false);
    public static Problem PasswordTooWeak { get; } = new("password-too-weak", UsersTexts.PasswordTooWeakWhat, null, UsersTexts.PasswordTooWeakRemedy.With(PasswordRule.MinLength), "you", RetriesByItself: false);
    public static Problem PasswordWrong { get; } = new("password-wrong", UsersTexts.PasswordWrongWhat, null, UsersTexts.PasswordWrongRemedy, "you", RetriesByItself: false);
    public static Problem LastAdministrator { get; } = new("last-administrator-in-use", UsersTexts.LastAdministratorWhat, null, UsersTexts.LastAdministratorRemedy, "you", RetriesByItself: false);
    public static Problem NotFound { get; } = new("user-not-found", UsersTexts.NotFoundWhat, null, UsersTexts.NotFoundRemedy, "you", RetriesByItself: false);
    public static Problem AccessUnknown { get; } = new("user-access-not-known", UsersTexts.AccessUnknownWhat, null, UsersTexts.AccessUnknownRemedy, "you", RetriesByItself: false);
    public static Problem TimeZoneUnknown { get; } = new("time-zone-not-known", UsersTexts.TimeZoneUnknownWhat, null, UsersTexts.TimeZoneUnknownRemedy, "you", RetriesByItself: false);
    public static Problem ApiKeyNotFound { get; } = new("api-key-not-found", UsersTexts.ApiKeyNotFoundWhat, null, UsersTexts.ApiKeyNotFoundRemedy, "you", RetriesByItself: false);
    public static Problem ApiKeyNameMissing { get; } = new("api-key-name-missing", UsersTexts.ApiKeyNameMissingWhat, null, UsersTexts.ApiKeyNameMissingRemedy, "you", RetriesByItself: false);
    public static Problem TooManyApiKeys { get; } = new("api-key-too-many", UsersTexts.TooManyApiKeysWhat, null, UsersTexts.TooManyApiKeysRemedy, "you", RetriesByItself: false);
}
