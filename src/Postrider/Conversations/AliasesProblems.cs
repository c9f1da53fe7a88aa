using Postrider.Web;
using T = Postrider.Conversations.AliasesTexts;

namespace Postrider.Conversations;

internal static class AliasesProblems
{
    public static Problem AliasNotFound() => new("alias-not-found", T.AliasGoneWhat, null, T.GoneRemedy, "you", RetriesByItself: false);

    public static Problem AliasTaken(string address) => new("alias-taken", T.AliasTakenWhat.With(address), null, T.AliasTakenRemedy, "you", RetriesByItself: false);

    public static Problem AddressIsAlias(string key, string address) => new("parameter-address-is-alias", T.AddressIsAliasWhat.With(key, address), null, T.AddressIsAliasRemedy, "you", RetriesByItself: false);

    public static Problem Invalid(IReadOnlyDictionary<string, string> errors) => new("alias-invalid", T.AliasInvalidWhat, string.Join(" ", errors.Values), T.AliasInvalidRemedy, "you", RetriesByItself: false);

    public static Problem InboxNotFound() => new("inbox-not-found", T.InboxGoneWhat, null, T.GoneRemedy, "you", RetriesByItself: false);

    public static Problem InboxNameTaken(string name) => new("inbox-name-taken", T.InboxTakenWhat.With(name), null, T.InboxTakenRemedy, "you", RetriesByItself: false);

    public static Problem InboxNameInvalid(string why) => new("inbox-name-invalid", T.InboxNameInvalidWhat, why, T.InboxNameRemedy, "you", RetriesByItself: false);

    public static Problem InboxInUse(string name, string by) => new("inbox-in-use", T.InboxInUseWhat.With(name), by, T.InboxInUseRemedy, "you", RetriesByItself: false);
}
