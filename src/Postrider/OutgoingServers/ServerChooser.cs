using Postrider.Mail;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.OutgoingServers;

/// <summary>What is asked about one mail.</summary>
/// <param name="Creator">The user who made it; null for the system.</param>
/// <param name="Forced">The server it asks for; null: the hub chooses.</param>
/// <param name="Mailing">It is marked as a mailing.</param>
/// <param name="EnvelopeFrom">What it asks for as its envelope sender; null for none.</param>
internal sealed record SenderQuestion(NamedAddress From, Guid? Creator, OutgoingServerId? Forced = null, bool Mailing = false, EmailAddress? EnvelopeFrom = null)
{
    /// <summary>From named more than this one.</summary>
    public bool SeveralSenders { get; init; }

    /// <summary>It has the null reverse-path: a report, or mail of a program that wants to hear of no failure.</summary>
    public bool NullEnvelope { get; init; }
}

/// <summary>Puts a mail to <see cref="ServerChoice"/> with this hub's servers and parameters: for mail and for the simulator alike.</summary>
internal sealed class ServerChooser(HubDatabase database, OutgoingServerStore servers, SystemParameters parameters, SendAsKnowledge sendAs, TimeProvider clock)
{
    /// <param name="known">All servers, in the order of their priority.</param>
    public ServerDecision Decide(SenderQuestion mail, IReadOnlyList<OutgoingServer> known) => ServerChoice.Decide(
        new ServerQuestion(mail.From, [.. known.Select(server => server.ToCandidate(sendAs.Of(server.Id)))], parameters.DefaultFromAddress, parameters.BounceAddress, mail.Creator, mail.Forced, mail.EnvelopeFrom)
        {
            SeveralSenders = mail.SeveralSenders,
            NullEnvelope = mail.NullEnvelope,
            Mailing = mail.Mailing,
            MailingServer = parameters.DedicatedServer is { } dedicated ? new(dedicated) : null,
            PersonalServersDisabled = parameters.PersonalServersDisabled,
        });

    /// <summary>Stores and sends nothing.</summary>
    public async Task<ServerDecision> ExplainAsync(SenderQuestion mail, CancellationToken cancellationToken) => Decide(mail, await database.ReadAsync(servers.List, cancellationToken));

    /// <summary>Where people make mistakes, of all servers.</summary>
    public IReadOnlyList<ServerWarning> Warnings(IReadOnlyList<OutgoingServer> known) =>
        ServerWarnings.Of(known, parameters.DefaultFromAddress, parameters.DedicatedServer is { } dedicated ? new(dedicated) : null, sendAs.Of, clock.GetUtcNow());
}
