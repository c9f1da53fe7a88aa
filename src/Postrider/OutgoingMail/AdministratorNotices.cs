using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Users;

namespace Postrider.OutgoingMail;

/// <summary>Writes to the administrators, through a server that works: a dead one would bring the news after its own repair.</summary>
internal sealed class AdministratorNotices(HubDatabase database, Outbox outbox, OutgoingServerStore servers, ServerChooser chooser, SystemParameters parameters) : INotices
{
    private const int MaxRecipients = 50;

    public async Task<bool> TellAdministratorsAsync(Notice notice, Action<HubTransaction> inSameTransaction, CancellationToken cancellationToken)
    {
        if (KnownParameter.IsTrue(parameters.Get(KnownParameter.AlertDisabled))) return false;
        var (recipients, all, touched) = await database.ReadAsync(reader => (Recipients(reader), servers.List(reader), notice.Avoids is { } cause ? servers.TouchedBy(reader, cause).Select(server => server.Id).ToHashSet() : []), cancellationToken);
        if (recipients.Count == 0) return false;
        var candidates = all.Where(server => server.Owner is null || !parameters.PersonalServersDisabled).ToList();
        if (NoticeSender.Choose(candidates, touched, parameters.DefaultFromAddress, recipients[0], sender => chooser.Decide(new SenderQuestion(new(null, sender), Creator: null), candidates)) is not { } from) return false;
        var put = await outbox.PutAsync(
            new OutgoingMessage
            {
                From = new(OutgoingMailTexts.NoticeFrom, from), To = [.. recipients.Select(address => new NamedAddress(null, address))], Subject = notice.Subject, Automatic = true,
                Text = $"{notice.Text}\n\n{parameters.BaseUrl.GetLeftPart(UriPartial.Authority)}/incidents\n",
            },
            (tx, _, _) => inSameTransaction(tx), cancellationToken);
        return put.Id is not null;
    }

    /// <summary>As named in the system parameter; else every administrator who can sign in.</summary>
    private List<EmailAddress> Recipients(HubReader reader)
    {
        if (parameters.Get(KnownParameter.AlertRecipients) is { } named) return [.. AddressList.Parse(named).Addresses.Select(entry => entry.Address).Take(MaxRecipients)];
        return [.. PersonStore.List(reader, null, null, 1000).Where(person => person is { IsSettings: true, PasswordHash: not null }).Select(person => EmailAddress.TryParse(person.Email, out var address) ? address : null).OfType<EmailAddress>().Take(MaxRecipients)];
    }
}

/// <summary>The sender of a notice decides its server: one whose server works is looked for. Pure.</summary>
internal static class NoticeSender
{
    /// <param name="touched">Servers that the incident touches.</param>
    /// <param name="someone">The last resort, for servers that are for every sender.</param>
    /// <param name="choose">What would be decided for a sender.</param>
    /// <returns>Null when no server works.</returns>
    public static EmailAddress? Choose(IReadOnlyList<OutgoingServer> servers, IReadOnlySet<OutgoingServerId> touched, EmailAddress? defaultFrom, EmailAddress someone, Func<EmailAddress, ServerDecision> choose)
    {
        var working = servers.Where(server => Works(server) && !touched.Contains(server.Id)).OrderBy(server => server.Sequence).ToList();
        var candidates = working.ConvertAll(server => server.Id).ToHashSet();
        var senders = new List<EmailAddress?> { defaultFrom };
        foreach (var server in working) senders.AddRange([server.Mailbox, .. server.Senders.Addresses]);
        senders.Add(someone);
        return senders.OfType<EmailAddress>().FirstOrDefault(sender => choose(sender) is { Server: { } chosen } && candidates.Contains(chosen.Id));
    }

    private static bool Works(OutgoingServer server) =>
        server is { Active: true, Owner: null, HeldAt: null, PausedUntil: null, Problem: null } && (server.Kind == ServerKind.Smtp || server.AccountId is not null);
}
