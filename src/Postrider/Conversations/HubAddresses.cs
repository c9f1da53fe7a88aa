using Postrider.Mail;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Conversations;

/// <summary>Addresses of this hub and its people: an answer to all leaves them out. Pure.</summary>
public sealed class HubAddresses
{
    private readonly HashSet<string> whole;
    private readonly HashSet<string> anywhere;
    private readonly HashSet<string> domains;

    /// <param name="whole">Addresses as they are compared.</param>
    /// <param name="aliases">A domain is empty where any of the hub's own is meant.</param>
    /// <param name="domains">What counts as the hub's own besides the domains of aliases, in ASCII form.</param>
    internal HubAddresses(IEnumerable<string> whole, IEnumerable<(string Name, string Domain)> aliases, IEnumerable<string> domains)
    {
        this.whole = whole.Select(address => address.ToLowerInvariant()).ToHashSet(StringComparer.Ordinal);
        this.domains = domains.ToHashSet(StringComparer.Ordinal);
        anywhere = [];
        foreach (var (name, domain) in aliases)
        {
            if (domain.Length == 0) anywhere.Add(name);
            else this.whole.Add($"{name}@{domain}");
            if (domain.Length > 0) this.domains.Add(domain);
        }
    }

    /// <summary>Also with a plus: what is sent to <c>sales+anything@</c> is delivered to <c>sales@</c>, and so are the signed reply addresses.</summary>
    internal bool Holds(EmailAddress address)
    {
        var (domain, plusLess) = (AliasName.DomainOf(address), AliasName.PlusLess(address));
        return whole.Contains(address.Normalized.ToLowerInvariant()) || whole.Contains($"{plusLess}@{domain}")
            || (domains.Contains(domain) && (anywhere.Contains(AliasName.LocalPartOf(address)) || anywhere.Contains(plusLess)));
    }
}

/// <summary>Gathers them: the one place that knows what is the hub's own.</summary>
internal sealed class HubAddressBook(ConversationStore store, InboxStore inboxes, SystemParameters parameters, IEnumerable<IOwnMailboxes> owners)
{
    /// <param name="conversation">Whose mail left from addresses of ours that may be no longer.</param>
    public HubAddresses Of(HubReader reader, ConversationId conversation)
    {
        var domain = parameters.CatchallDomain;
        EmailAddress?[] named = [OwnAddress.Of(parameters.CatchallAlias, domain), parameters.DefaultFromAddress, parameters.BounceAddress];
        var mailboxes = owners.SelectMany(owner => owner.Mailboxes(reader));
        return new HubAddresses(
            [.. store.AddressesOfPeople(reader, conversation), .. named.OfType<EmailAddress>().Concat(mailboxes).Select(address => address.Normalized)],
            inboxes.AliasAddresses(reader),
            [.. domain is null ? [] : (string[])[AliasName.DomainOf(domain)], .. AliasName.DomainsOf(parameters.Get(KnownParameter.CatchallDomainAllowed))]);
    }
}
