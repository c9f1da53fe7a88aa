using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>Neither the catchall address nor the one for delivery failures is an alias too: one address cannot be both. The other direction is <see cref="AliasSettings.Check"/>.</summary>
internal sealed class AliasInTheWay(InboxStore store) : IParameterRule
{
    public Problem? Against(HubReader reader, string key, string value)
    {
        string[] concerned = key switch
        {
            KnownParameter.CatchallDomain => [KnownParameter.CatchallAlias, KnownParameter.BounceAlias],
            KnownParameter.CatchallAlias or KnownParameter.BounceAlias => [key],
            _ => [],
        };
        if (concerned.Length == 0) return null;
        var domain = After(KnownParameter.CatchallDomain);
        foreach (var parameter in concerned)
        {
            if (OwnAddress.Of(After(parameter), domain) is not { } own) continue;
            var name = AliasName.LocalPartOf(own);
            // An archived one too: it would be in the way once it is taken up again.
            if (store.IsTaken(reader, name, AliasName.DomainOf(own), null) || store.IsTaken(reader, name, "", null)) return AliasesProblems.AddressIsAlias(key, own.ToString());
        }
        return null;

        string? After(string other) => other == key ? value : SystemParameters.Get(reader, other);
    }
}
