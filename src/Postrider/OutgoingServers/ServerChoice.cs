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
internal sealed record ServerCandidate(OutgoingServerId Id, string Name, FromFilter Filter, int Sequence, bool Active, Guid? Owner, bool EnvelopeIsSender)
{
    private static readonly Dictionary<EmailAddress, SendAsFact> NothingSeen = [];

    /// <summary>The mailbox of an Outlook server; null for another server, which may have senders of any kind.</summary>
    public EmailAddress? Mailbox { get; init; }

    /// <summary>What was seen of the senders its account may use.</summary>
    public IReadOnlyDictionary<EmailAddress, SendAsFact> SendAs { get; init; } = NothingSeen;

    public bool Refused(EmailAddress sender) => SendAs.GetValueOrDefault(sender) is { Allowed: false };
}

/// <param name="Creator">The user who made the mail; null for the system.</param>
/// <param name="DefaultFrom"><c>{mail.default.from}@{mail.catchall.domain}</c>; null when not set.</param>
/// <param name="Bounce">The address for bounces; null when not set.</param>
/// <param name="EnvelopeOverride">What the mail itself asks for as its envelope sender; null for none.</param>
internal sealed record ServerQuestion(NamedAddress From, IReadOnlyList<ServerCandidate> Servers, EmailAddress? DefaultFrom, EmailAddress? Bounce, Guid? Creator, OutgoingServerId? Forced, EmailAddress? EnvelopeOverride)
{
    /// <summary>The header named more than the one in <see cref="From"/>: such a sender matches no filter, whatever the first of them is.</summary>
    public bool SeveralSenders { get; init; }

    /// <summary>It has the null reverse-path, and keeps it where the server takes that.</summary>
    public bool NullEnvelope { get; init; }

    /// <summary>The mail is marked as a mailing.</summary>
    public bool Mailing { get; init; }

    /// <summary><em>Dedicated Server</em> of Email Marketing; null: mailings go as other mail.</summary>
    public OutgoingServerId? MailingServer { get; init; }

    /// <summary><c>mail.disable_personal_mail_servers</c></summary>
    public bool PersonalServersDisabled { get; init; }
}

/// <summary>One sentence of an explanation.</summary>
/// <param name="Rule">The rule it speaks about; null: about the sender, the envelope or the mail itself.</param>
/// <param name="Decides">This rule gave the server.</param>
internal sealed record ChoiceStep(ServerRule? Rule, string Text, bool Decides = false)
{
    /// <summary>A sentence about the mail itself.</summary>
    public static implicit operator ChoiceStep(string text) => new(null, text);
}

/// <param name="SmtpFrom">The address whose server it is: the sender, or the default From in its place.</param>
/// <param name="Steps">One sentence for each rule that was looked at, in order, then those about the sender.</param>
/// <param name="Warning">Not null when the choice will probably be refused by the server.</param>
/// <param name="Problem">Not null when there is no server for the mail.</param>
internal sealed record ServerDecision(ServerCandidate? Server, ServerRule Rule, EmailAddress SmtpFrom, NamedAddress HeaderFrom, EmailAddress EnvelopeFrom, IReadOnlyList<ChoiceStep> Steps, string? Warning, Problem? Problem)
{
    public bool Rewritten(NamedAddress from) => !HeaderFrom.Address.Equals(from.Address);

    public string Explanation => string.Join(' ', Steps.Select(step => step.Text));

    /// <summary>To keep with the mail: one step a line, the warning last.</summary>
    public string Why => string.Join('\n', Steps.Select(step => step.Text).Append(Warning).OfType<string>());
}

/// <summary>Which server a mail goes through and under which address: docs/flows/choosing-the-server.md. An address match beats a domain match, whatever the priority; an empty filter is only a late fallback.</summary>
internal static class ServerChoice
{
    public static ServerDecision Decide(ServerQuestion question)
    {
        if (question.Forced is { } asked) return Force(question, asked);
        if (question is { Mailing: true, MailingServer: { } dedicated }) return Force(question, dedicated);

        var steps = new List<ChoiceStep>();
        if (question.Mailing) steps.Add("It is a mailing, and Email Marketing has no Dedicated Server: it goes as other mail does.");
        var sender = question.From.Address;
        // On equal terms the dedicated server comes last, whatever its priority: it is there for mailings.
        var servers = question.Servers.Where(server => server.Active && MayUse(question, server)).OrderBy(server => server.Id == question.MailingServer).ThenBy(server => server.Sequence).ToList();
        if (servers.Count == 0)
        {
            steps.Add("There is no active outgoing mail server.");
            return Nothing(question, steps, OutgoingServersProblems.NoServer);
        }

        // 1 and 2: a server for this very sender. Owned servers count here only.
        if (question.SeveralSenders)
        {
            steps.Add(new(ServerRule.Address, "From names several senders, and no From Filter matches more than one."));
        }
        else
        {
            if (Fitting(servers, server => server.Filter.HasAddress(sender), sender, ServerRule.Address, $"No From Filter names {sender}.", steps) is { } byAddress)
                return Chosen(question, byAddress, ServerRule.Address, sender, steps, $"The From Filter of “{byAddress.Name}” names {sender}.");
            if (Fitting(servers, server => server.Filter.HasDomainOf(sender), sender, ServerRule.Domain, $"No From Filter names the domain {sender.Domain}.", steps) is { } byDomain)
                return Chosen(question, byDomain, ServerRule.Domain, sender, steps, $"The From Filter of “{byDomain.Name}” names the domain {sender.Domain}.");
        }

        servers.RemoveAll(server => server.Owner is not null);

        // 3 and 4: a server for the default From, which then stands in the sender's place.
        if (question.DefaultFrom is { } standIn)
        {
            if (Fitting(servers, server => server.Filter.HasAddress(standIn), standIn, ServerRule.DefaultFromAddress, $"No From Filter names the default sender {standIn}.", steps) is { } byDefault)
                return Chosen(question, byDefault, ServerRule.DefaultFromAddress, standIn, steps, $"The From Filter of “{byDefault.Name}” names the default sender {standIn}.");
            if (Fitting(servers, server => server.Filter.HasDomainOf(standIn), standIn, ServerRule.DefaultFromDomain, $"No From Filter names the domain {standIn.Domain}.", steps) is { } byDefaultDomain)
                return Chosen(question, byDefaultDomain, ServerRule.DefaultFromDomain, standIn, steps, $"The From Filter of “{byDefaultDomain.Name}” names the domain of the default sender {standIn}.");
        }
        else
        {
            steps.Add(new(ServerRule.DefaultFromAddress, "No default sender is set (mail.default.from and mail.catchall.domain)."));
        }

        // 5: a server without a filter. The dedicated server's empty filter means "any mailing", not "any mail".
        var last = question.DefaultFrom ?? sender;
        if (Fitting(servers, server => server.Filter.IsEmpty && server.Id != question.MailingServer, last, ServerRule.NoFilter, "Every server that other mail may use has a From Filter.", steps) is { } open)
            return Chosen(question, open, ServerRule.NoFilter, last, steps, $"“{open.Name}” has no From Filter and takes what no other server takes.");

        // 6: any server; the dedicated one when it is the only one left, and one that refused this sender when there is no other at all.
        if (servers.OrderBy(server => server.Refused(last)).ThenBy(server => server.Id == question.MailingServer).FirstOrDefault() is { } any)
        {
            var rule = any.Filter.IsEmpty ? ServerRule.NoFilter : ServerRule.FirstServer;
            var because = any.Id == question.MailingServer ? $"“{any.Name}” is the dedicated server for mailings, and there is no other." : $"“{any.Name}” is the first server by priority.";
            var warning = any.Refused(last) ? $"“{any.Name}” refused {last} before, and there is no other server."
                : rule == ServerRule.FirstServer ? $"No server is meant for {last}: “{any.Name}” may refuse it." : null;
            return Chosen(question, any, rule, last, steps, because) with { Warning = warning };
        }

        // 7: nothing but other people's own servers.
        steps.Add("The only servers left belong to single users.");
        return Nothing(question, steps, OutgoingServersProblems.NoServerFor(sender));
    }

    /// <summary>Its filter is not asked, and From stays as it is. That it cannot be used is said before the mail is stored, not after.</summary>
    private static ServerDecision Force(ServerQuestion question, OutgoingServerId forced)
    {
        var sender = question.From.Address;
        var server = question.Servers.FirstOrDefault(candidate => candidate.Id == forced);
        var problem = server switch
        {
            null => OutgoingServersProblems.ForcedUnknown,
            { Owner: not null } when !MayUse(question, server) || !server.Filter.HasAddress(sender) || question.SeveralSenders => OutgoingServersProblems.ForcedOwned(server.Name, server.Active),
            { Active: false } => OutgoingServersProblems.ForcedArchived(server.Name),
            _ when server.SendAs.GetValueOrDefault(sender) is { Allowed: false } refusal => OutgoingServersProblems.ForcedMayNotSendAs(server.Name, sender, refusal.Reply),
            _ => null,
        };
        var because = question.Forced is null ? $"It is a mailing, and “{server?.Name}” is the Dedicated Server of Email Marketing; the From address stays as it is."
            : $"The mail asks for “{server?.Name}”; the From address stays as it is.";
        if (problem is null) return Chosen(question, server!, ServerRule.Forced, sender, [], because);
        if (question.Forced is null) problem = problem with { Remedy = $"Choose another server in General Settings, Email Marketing, Dedicated Server; or: {problem.Remedy}" };
        return Nothing(question, [new(ServerRule.Forced, problem.What)], problem);
    }

    private static bool MayUse(ServerQuestion question, ServerCandidate server) => server.Owner is null || (!question.PersonalServersDisabled && server.Owner == question.Creator);

    /// <summary>The first that fits and has not refused this sender: one that has would refuse it again.</summary>
    private static ServerCandidate? Fitting(List<ServerCandidate> servers, Func<ServerCandidate, bool> fits, EmailAddress sender, ServerRule rule, string none, List<ChoiceStep> steps)
    {
        var passedOver = false;
        foreach (var server in servers.Where(fits))
        {
            if (!server.Refused(sender)) return server;
            passedOver = true;
            steps.Add(new(rule, $"“{server.Name}” is passed over: it refused {sender} before, because its account may not send as this address."));
        }

        if (!passedOver) steps.Add(new(rule, none));
        return null;
    }

    private static ServerDecision Chosen(ServerQuestion question, ServerCandidate server, ServerRule rule, EmailAddress smtpFrom, List<ChoiceStep> steps, string because)
    {
        steps.Add(new(rule, because, Decides: true));
        var headerFrom = question.From;
        if (!smtpFrom.Equals(question.From.Address))
        {
            // The reader still sees who wrote; the answer finds its way by the reply's references.
            headerFrom = new NamedAddress(string.IsNullOrWhiteSpace(question.From.Name) ? question.From.Address.LocalPart : question.From.Name, smtpFrom);
            steps.Add($"The name “{headerFrom.Name}” is kept, the address {question.From.Address} is replaced by {smtpFrom}.");
        }

        if (server.Mailbox is { } mailbox && !mailbox.Equals(smtpFrom) && !server.SendAs.ContainsKey(smtpFrom))
            steps.Add($"“{server.Name}” is the mailbox {mailbox}; whether its account may send as {smtpFrom} shows with the first mail.");
        return new(server, rule, smtpFrom, headerFrom, Envelope(question, server, smtpFrom, steps), steps, null, null);
    }

    /// <summary>Where failures come back to: what the mail asks for, else the bounce address, if the server's filter admits it; else the sender.</summary>
    private static EmailAddress Envelope(ServerQuestion question, ServerCandidate server, EmailAddress smtpFrom, List<ChoiceStep> steps)
    {
        if (question.NullEnvelope)
        {
            steps.Add(server.EnvelopeIsSender ? $"It has the null reverse-path; Exchange takes no other envelope sender than one the account may send as, so failures come back to {smtpFrom}, and are told to nobody." : "It keeps the null reverse-path: nobody is told of its failure.");
            return smtpFrom;
        }

        if ((question.EnvelopeOverride ?? question.Bounce) is not { } wanted || wanted.Equals(smtpFrom)) return smtpFrom;
        if (server.EnvelopeIsSender)
        {
            steps.Add($"Failures come back to {smtpFrom}, not to {wanted}: Exchange takes no other envelope sender than one the account may send as.");
            return smtpFrom;
        }

        if (!server.Filter.Admits(wanted))
        {
            steps.Add($"Failures come back to {smtpFrom}: the From Filter does not admit {wanted}.");
            return smtpFrom;
        }

        steps.Add($"Bounces go to {wanted}.");
        return wanted;
    }

    private static ServerDecision Nothing(ServerQuestion question, IReadOnlyList<ChoiceStep> steps, Problem problem) =>
        new(null, ServerRule.None, question.From.Address, question.From, question.From.Address, steps, null, problem);
}
