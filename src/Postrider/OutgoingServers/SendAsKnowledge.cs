using System.Collections.Immutable;
using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.OutgoingServers;

/// <param name="Allowed">The server took a mail from this address; false: it refused one because its account may not send as it.</param>
/// <param name="Reply">The server's last word on it; null when it gave none.</param>
internal sealed record SendAsFact(bool Allowed, DateTimeOffset SeenAt, string? Reply);

/// <summary>
/// As whom each server's account was seen to send. Nothing but a sent mail shows it: <em>Test Connection</em> ends before the answer. Exchange closes a mailbox that is refused again and again, so one refusal must be enough.
/// Kept in memory as well: choosing costs no statement, and settling only when something new was seen.
/// </summary>
internal sealed class SendAsKnowledge
{
    private ImmutableDictionary<OutgoingServerId, ImmutableDictionary<EmailAddress, SendAsFact>> known = ImmutableDictionary<OutgoingServerId, ImmutableDictionary<EmailAddress, SendAsFact>>.Empty;

    /// <summary>By the address of From.</summary>
    public IReadOnlyDictionary<EmailAddress, SendAsFact> Of(OutgoingServerId server) => Facts(server);

    /// <summary>Called when an attempt is settled, in its transaction.</summary>
    /// <param name="from">The address of From; the envelope sender of an Outlook server is the same.</param>
    /// <param name="allowed">The server took the message; false: it answered <c>smtp-send-as-denied</c>.</param>
    public void Learn(HubTransaction transaction, OutgoingServerId server, EmailAddress from, bool allowed, string? reply)
    {
        if (Facts(server).GetValueOrDefault(from)?.Allowed == allowed) return;
        var fact = new SendAsFact(allowed, transaction.Now, reply);
        transaction.Execute(
            "INSERT INTO send_as(server_id, address, allowed, seen_at, reply) VALUES(@server, @address, @Allowed, @SeenAt, @Reply) ON CONFLICT(server_id, address) DO UPDATE SET allowed = excluded.allowed, seen_at = excluded.seen_at, reply = excluded.reply",
            new { server, address = from.Normalized, fact.Allowed, fact.SeenAt, fact.Reply });
        transaction.AfterCommit(() => ImmutableInterlocked.Update(ref known, all => all.SetItem(server, all.GetValueOrDefault(server, ImmutableDictionary<EmailAddress, SendAsFact>.Empty).SetItem(from, fact))));
    }

    /// <summary>A person says that the rights have changed (Test Connection, a new consent): the next mail shows it.</summary>
    public void ForgetRefusals(HubTransaction transaction, OutgoingServerId server)
    {
        if (Facts(server).Values.All(fact => fact.Allowed)) return;
        transaction.Execute("DELETE FROM send_as WHERE server_id = @server AND allowed = 0", new { server });
        transaction.AfterCommit(() => ImmutableInterlocked.Update(ref known, all => all.SetItem(server, Facts(server).RemoveRange(Facts(server).Where(pair => !pair.Value.Allowed).Select(pair => pair.Key)))));
    }

    /// <summary>Another mailbox or another host: what was seen says nothing about it.</summary>
    public void ForgetAll(HubTransaction transaction, OutgoingServerId server)
    {
        if (Facts(server).IsEmpty) return;
        transaction.Execute("DELETE FROM send_as WHERE server_id = @server", new { server });
        transaction.AfterCommit(() => ImmutableInterlocked.Update(ref known, all => all.Remove(server)));
    }

    /// <summary>At start, before anything of the hub runs.</summary>
    public async Task LoadAsync(HubDatabase database, CancellationToken cancellationToken)
    {
        var rows = await database.ReadAsync(reader => reader.Query<Row>("SELECT server_id, address, allowed, seen_at, reply FROM send_as"), cancellationToken);
        known = rows.GroupBy(row => row.ServerId).ToImmutableDictionary(
            server => server.Key, server => server.ToImmutableDictionary(row => EmailAddress.Parse(row.Address), row => new SendAsFact(row.Allowed, row.SeenAt, row.Reply)));
    }

    private ImmutableDictionary<EmailAddress, SendAsFact> Facts(OutgoingServerId server) => known.GetValueOrDefault(server, ImmutableDictionary<EmailAddress, SendAsFact>.Empty);

    private sealed record Row
    {
        public OutgoingServerId ServerId { get; init; }
        public string Address { get; init; } = "";
        public bool Allowed { get; init; }
        public DateTimeOffset SeenAt { get; init; }
        public string? Reply { get; init; }
    }
}
