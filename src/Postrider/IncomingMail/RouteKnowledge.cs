using System.Globalization;
using Postrider.Conversations;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Users;

namespace Postrider.IncomingMail;

/// <summary>What a mailbox has to say about the mail that comes out of it.</summary>
/// <param name="Default">Null: what answers nothing and names no alias goes to quarantine.</param>
/// <param name="IsExchange">Exchange Online received it, and its word on the sender counts.</param>
internal sealed record ReceivingServer(DefaultTarget? Default, bool IsExchange);

/// <summary>IncomingServers implements it.</summary>
internal interface IReceivingServers
{
    /// <summary>Of a server that was deleted since: a conversation in no inbox.</summary>
    ReceivingServer Of(HubReader reader, Guid server);
}

/// <summary>Gathers what <see cref="RouteDecision"/> has to know, within the transaction that settles the mail.</summary>
internal sealed class RouteKnowledge(IntakeStore store, InboxStore inboxes, ReplyTokens tokens, SystemParameters parameters, IReceivingServers servers)
{
    // A mail to more people than this is no letter to an alias; its first recipients decide.
    private const int MaxRecipients = 1000;
    private const int DefaultLoopMinutes = 120;
    private const int DefaultLoopThreshold = 20;

    public ReceivingServer Receiving(HubReader reader, Guid server) => servers.Of(reader, server);

    /// <summary>Servers, besides Exchange Online, whose word on the sender counts.</summary>
    public IReadOnlyCollection<string> AuthenticationServers => parameters.Get(KnownParameter.AuthenticationServers)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    public RouteQuestion Of(HubReader reader, ReceivedMail mail, Guid server)
    {
        var names = mail.Recipients.Take(MaxRecipients).SelectMany(r => (string[])[AliasName.LocalPartOf(r), AliasName.PlusLess(r)]).Distinct(StringComparer.Ordinal).ToList();
        var aliases = inboxes.ActiveNamed(reader, names);
        var asks = aliases.Any(alias => alias.Rule != ContactRule.Everyone);
        var sender = mail.Sender?.Address;
        var known = store.Known(reader, IdsOf(mail), sender);
        var signed = mail.Recipients.Take(MaxRecipients).Select(tokens.Read).FirstOrDefault(found => found is not null) is { } answered ? store.Signed(reader, answered, sender) : null;
        var waiting = mail.MessageId is { } id ? store.Waiting(reader, id) : [];
        return new RouteQuestion
        {
            Known = known,
            Signed = signed,
            Waiting = waiting,
            Followed = sender is null ? new HashSet<ConversationId>() : ConversationStore.FollowedBy(reader, sender, [.. known.Append(signed?.Answered).OfType<KnownMessage>().Select(k => k.Conversation), .. waiting.Select(w => w.Conversation)]),
            Aliases = aliases,
            Own = Own(reader, aliases.Any(alias => alias.Domain.Length == 0)),
            Default = servers.Of(reader, server).Default,
            SenderIsContact = asks && sender is not null && store.IsContact(reader, sender),
            SenderIsUser = asks && sender is not null && PersonStore.FindByEmail(reader, sender.ToString()) is not null,
        };
    }

    /// <summary>How much its sender has written to where it would go.</summary>
    public SenderVolume Volume(HubReader reader, Route route, ReceivedMail mail, StoredMail stored)
    {
        var (minutes, threshold) = (Number(KnownParameter.LoopMinutes, DefaultLoopMinutes), Number(KnownParameter.LoopThreshold, DefaultLoopThreshold));
        var none = new SenderVolume(0, threshold, minutes, Unbounded: true);
        var since = reader.Now - TimeSpan.FromMinutes(minutes);
        // What lay in the mailbox for longer is no loop now: a first reading brings years at once.
        if (mail.Sender is not { } sender || stored.InternalDate < since || IsAllowed(sender.Address.Normalized)) return none;
        return ((route as Route.Automatic)?.Within ?? route) switch
        {
            // A mailbox that is read without inboxes takes everything, as a mail program does.
            Route.New { Places: [{ Inbox: { } inbox }, ..] } => new SenderVolume(store.Begun(reader, sender.Address, inbox, since), threshold, minutes, Unbounded: false),
            Route.Reply reply => new SenderVolume(store.Written(reader, sender.Address, reply.Conversation, since), threshold, minutes, Unbounded: false),
            _ => none,
        };
    }

    private OwnAddresses Own(HubReader reader, bool anyDomain)
    {
        var domain = parameters.CatchallDomain;
        // Only an alias without a domain asks where it takes mail.
        var allowed = anyDomain ? OwnAddresses.AllowedDomains(parameters.Get(KnownParameter.CatchallDomainAllowed), [domain ?? "", .. inboxes.AliasDomains(reader)]) : null;
        return new OwnAddresses(OwnAddress.Of(parameters.CatchallAlias, domain), parameters.BounceAddress, allowed);
    }

    private bool IsAllowed(string address) => parameters.Get(KnownParameter.LoopAllowed) is { } allowed && Mail.AddressList.Parse(allowed).Addresses.Any(a => a.Address.Normalized == address);

    private int Number(string key, int otherwise) => int.TryParse(parameters.Get(key), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : otherwise;

    private static List<string> IdsOf(ReceivedMail mail)
    {
        List<string> ids = [];
        foreach (var id in new[] { mail.MessageId, mail.OriginalMessageId }.OfType<string>().Concat(mail.Answers).Concat((mail.Report ?? mail.Receipt ?? mail.Complaint)?.OriginalIds ?? [])) if (!ids.Contains(id)) ids.Add(id);
        return ids;
    }
}
