using Postrider.Mail;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>Why a server was chosen; the names are those of the API.</summary>
internal enum ServerRule
{
    Forced,
    Address,
    Domain,
    DefaultFromAddress,
    DefaultFromDomain,
    NoFilter,
    FirstServer,
    None,
}

/// <summary>A server as the choice sees it.</summary>
/// <param name="Owner">The user whose own server it is: only mail that this user made may go through it. Null: everybody's.</param>
/// <param name="EnvelopeIsSender">Exchange takes only a sender the account may send as, in the envelope too: no separate bounce address.</param>
internal sealed record ServerCandidate(OutgoingServerId Id, string Name, FromFilter Filter, int Sequence, bool Active, Guid? Owner, bool EnvelopeIsSender);

/// <param name="Creator">The user who made the mail; null for the system.</param>
/// <param name="DefaultFrom"><c>{mail.default.from}@{mail.catchall.domain}</c>; null when not set.</param>
/// <param name="Bounce">The address for bounces; null when not set.</param>
/// <param name="EnvelopeOverride">What the mail itself asks for as its envelope sender; null for none.</param>
internal sealed record ServerQuestion(NamedAddress From, IReadOnlyList<ServerCandidate> Servers, EmailAddress? DefaultFrom, EmailAddress? Bounce, Guid? Creator, OutgoingServerId? Forced, EmailAddress? EnvelopeOverride)
{
    /// <summary>The header named more than the one in <see cref="From"/>: such a sender matches no filter, whatever the first of them is.</summary>
    public bool SeveralSenders { get; init; }
}

/// <param name="SmtpFrom">The address whose server it is: the sender, or the default From in its place.</param>
/// <param name="Steps">One sentence for each rule that was looked at, in order.</param>
/// <param name="Warning">Not null when the choice will probably be refused by the server.</param>
/// <param name="Problem">Not null when there is no server for the mail.</param>
internal sealed record ServerDecision(ServerCandidate? Server, ServerRule Rule, EmailAddress SmtpFrom, NamedAddress HeaderFrom, EmailAddress EnvelopeFrom, IReadOnlyList<string> Steps, string? Warning, Problem? Problem)
{
    public bool Rewritten(NamedAddress from) => !HeaderFrom.Address.Equals(from.Address);
    public string Explanation => string.Join(' ', Steps);
}

/// <summary>Which server a mail goes through and under which address. An address match beats a domain match, whatever the priority; an empty filter is only a late fallback.</summary>
internal static class ServerChoice
{
    public static ServerDecision Decide(ServerQuestion question)
    {
        if (question.Forced is { } forced) return Force(question, forced);

        var steps = new List<string>();
        var sender = question.From.Address;
        var servers = question.Servers.Where(server => server.Active && (server.Owner is null || server.Owner == question.Creator)).OrderBy(server => server.Sequence).ToList();
        if (servers.Count == 0)
        {
            steps.Add("There is no active outgoing mail server.");
            var problem = new Problem("no-outgoing-server", "There is no active outgoing mail server.", null,
                "Create one in General Settings, Outgoing Email Servers, or activate one.", "administrator", false);
            return new(null, ServerRule.None, sender, question.From, sender, steps, null, problem);
        }

        // 1 and 2: a server for this very sender. Owned servers count here only.
        if (question.SeveralSenders)
        {
            steps.Add("From names several senders, and no From Filter matches more than one.");
        }
        else
        {
            if (First(servers, server => server.Filter.HasAddress(sender)) is { } byAddress)
                return Chosen(question, byAddress, ServerRule.Address, sender, steps, $"The From Filter of “{byAddress.Name}” names {sender}.");
            steps.Add($"No From Filter names {sender}.");
            if (First(servers, server => server.Filter.HasDomainOf(sender)) is { } byDomain)
                return Chosen(question, byDomain, ServerRule.Domain, sender, steps, $"The From Filter of “{byDomain.Name}” names the domain {sender.Domain}.");
            steps.Add($"No From Filter names the domain {sender.Domain}.");
        }

        servers.RemoveAll(server => server.Owner is not null);

        // 3 and 4: a server for the default From, which then stands in the sender's place.
        if (question.DefaultFrom is { } standIn)
        {
            if (First(servers, server => server.Filter.HasAddress(standIn)) is { } byDefault)
                return Chosen(question, byDefault, ServerRule.DefaultFromAddress, standIn, steps, $"The From Filter of “{byDefault.Name}” names the default sender {standIn}.");
            steps.Add($"No From Filter names the default sender {standIn}.");
            if (First(servers, server => server.Filter.HasDomainOf(standIn)) is { } byDefaultDomain)
                return Chosen(question, byDefaultDomain, ServerRule.DefaultFromDomain, standIn, steps, $"The From Filter of “{byDefaultDomain.Name}” names the domain of the default sender {standIn}.");
            steps.Add($"No From Filter names the domain {standIn.Domain}.");
        }
        else
        {
            steps.Add("No default sender is set (mail.default.from and mail.catchall.domain).");
        }

        // 5: a server without a filter; 6: any server.
        var last = question.DefaultFrom ?? sender;
        if (First(servers, server => server.Filter.IsEmpty) is { } open)
            return Chosen(question, open, ServerRule.NoFilter, last, steps, $"“{open.Name}” has no From Filter and takes what no other server takes.");
        steps.Add("Every server has a From Filter.");
        if (First(servers, _ => true) is { } any)
        {
            var warning = $"No server is meant for {last}: “{any.Name}” may refuse it.";
            return Chosen(question, any, ServerRule.FirstServer, last, steps, $"“{any.Name}” is the first server by priority.") with { Warning = warning };
        }

        // 7: nothing but other people's own servers.
        steps.Add("The only servers left belong to single users.");
        return new(null, ServerRule.None, sender, question.From, sender, steps, null,
            new Problem("no-outgoing-server", $"No outgoing mail server may send for {sender}.", null, "Create a server whose From Filter is the default sender, so that it takes what no other server takes.", "administrator", false));
    }

    private static ServerDecision Force(ServerQuestion question, OutgoingServerId forced)
    {
        var sender = question.From.Address;
        var server = question.Servers.FirstOrDefault(candidate => candidate.Id == forced);
        Problem? problem = server switch
        {
            null => new("outgoing-server-unknown", "The outgoing mail server that the mail asks for does not exist.", null, "Choose another server.", "you", false),
            { Active: false } => new("outgoing-server-archived", $"The server “{server.Name}” cannot be used because it is archived.", null, "Activate it or choose another server.", "administrator", false),
            { Owner: not null } when server.Owner != question.Creator || !server.Filter.HasAddress(sender) =>
                new("outgoing-server-owned", $"The server “{server.Name}” belongs to a user and sends only that user's mail from its own address.", null, "Choose another server.", "you", false),
            _ => null,
        };
        return problem is not null || server is null
            ? new(null, ServerRule.None, sender, question.From, sender, [problem!.What], null, problem)
            : Chosen(question, server, ServerRule.Forced, sender, [], $"The mail asks for “{server.Name}”; the From address stays as it is.");
    }

    private static ServerDecision Chosen(ServerQuestion question, ServerCandidate server, ServerRule rule, EmailAddress smtpFrom, List<string> steps, string because)
    {
        steps.Add(because);
        var headerFrom = question.From;
        if (!smtpFrom.Equals(question.From.Address))
        {
            // The reader still sees who wrote; the answer finds its way by the reply's references.
            headerFrom = new NamedAddress(string.IsNullOrWhiteSpace(question.From.Name) ? question.From.Address.LocalPart : question.From.Name, smtpFrom);
            steps.Add($"The name “{headerFrom.Name}” is kept, the address {question.From.Address} is replaced by {smtpFrom}.");
        }

        var envelope = smtpFrom;
        if (!server.EnvelopeIsSender && (question.EnvelopeOverride ?? question.Bounce) is { } bounce && server.Filter.Admits(bounce))
        {
            envelope = bounce;
            if (!bounce.Equals(smtpFrom)) steps.Add($"Bounces go to {bounce}.");
        }

        return new(server, rule, smtpFrom, headerFrom, envelope, steps, null, null);
    }

    private static ServerCandidate? First(List<ServerCandidate> servers, Func<ServerCandidate, bool> fits) => servers.FirstOrDefault(fits);
}
