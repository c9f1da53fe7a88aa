using Postrider.Journal;
using Postrider.Mail;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.OutgoingServers;

/// <summary>A budget as a page draws it.</summary>
/// <param name="Meter">See <see cref="SendingBudget.MeterOf"/>.</param>
internal sealed record SendingBudgetState(string Meter, SendingLimits Limits, SendingBudgetChange Change, int OfTheMinute, int OfTheDay);

/// <summary>All budgets and what was used of them. Kept in memory for the choice of every batch, and in the database, minute by minute, for the next start.</summary>
internal sealed class SendingBudgets(OutgoingServerStore servers, SystemParameters parameters, JournalWriter journal)
{
    private readonly Dictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private readonly Lock turn = new();

    /// <summary>What may be sent through this server now.</summary>
    public SendingRoom Room(HubReader reader, OutgoingServer server)
    {
        lock (turn)
        {
            var mailbox = Find(reader, SendingBudget.MeterOf(server));
            var room = mailbox.Meter.Room(SendingBudget.Of(server, mailbox.Change), reader.Now);
            if (TenantOf(reader, server) is not { } tenant) return room;
            var outside = tenant.Meter.Room(SendingBudget.OfTenant(tenant.Change), reader.Now);
            return room with { Tenant = new(outside.Recipients, outside.OpensAt, OwnDomains(reader, server.TenantId!.Value)) };
        }
    }

    /// <summary>The limits of a server's mailbox, and the messages of the last minute.</summary>
    public (SendingLimits Limits, int OfTheMinute) StateOf(HubReader reader, OutgoingServer server)
    {
        lock (turn)
        {
            var mailbox = Find(reader, SendingBudget.MeterOf(server));
            return (SendingBudget.Of(server, mailbox.Change), mailbox.Meter.OfTheMinute(reader.Now));
        }
    }

    /// <summary>How many may be open at once.</summary>
    public static int Connections(OutgoingServer server) => SendingBudget.Of(server, SendingBudgetChange.None).Connections ?? int.MaxValue;

    /// <summary>In the transaction that claims the mails.</summary>
    public void TakeUp(HubTransaction transaction, OutgoingServer server, IReadOnlyList<EmailAddress[]> mails) => Count(transaction, server, mails, sign: 1);

    /// <summary>They were not offered after all.</summary>
    public void GiveBack(HubTransaction transaction, OutgoingServer server, IReadOnlyList<EmailAddress[]> mails) => Count(transaction, server, mails, sign: -1);

    /// <summary>One message was offered to the server.</summary>
    public void Through(OutgoingServer server, DateTimeOffset now)
    {
        lock (turn)
        {
            if (entries.TryGetValue(SendingBudget.MeterOf(server), out var entry)) entry.Meter.Through(now);
        }
    }

    public IReadOnlyList<SendingBudgetState> List(HubReader reader)
    {
        var states = new List<SendingBudgetState>();
        var all = servers.Roster(reader).Where(server => server.Active).ToList();
        lock (turn)
        {
            foreach (var server in all.DistinctBy(SendingBudget.MeterOf))
            {
                var entry = Find(reader, SendingBudget.MeterOf(server));
                var minute = entry.Meter.OfTheMinute(reader.Now);
                states.Add(new(entry.Name, SendingBudget.Of(server, entry.Change), entry.Change, minute, entry.Meter.OfTheDay));
            }

            foreach (var name in all.Select(SendingBudget.TenantMeterOf).OfType<string>().Distinct(StringComparer.Ordinal))
            {
                var entry = Find(reader, name);
                var minute = entry.Meter.OfTheMinute(reader.Now);
                states.Add(new(name, SendingBudget.OfTenant(entry.Change), entry.Change, minute, entry.Meter.OfTheDay));
            }
        }

        return states;
    }

    /// <summary>Stores what an administrator set, checked before.</summary>
    public void Change(HubTransaction transaction, string meter, SendingBudgetChange change, Guid? byUser)
    {
        SendingBudgetStore.Save(transaction, meter, change);
        journal.Write(transaction, "sending-budget-changed", "sending-budget", null, $"The sending budget of {meter[(meter.IndexOf(':', StringComparison.Ordinal) + 1)..]} was changed.", byUser);
        transaction.AfterCommit(() =>
        {
            lock (turn)
            {
                if (entries.TryGetValue(meter, out var entry)) entry.Change = change;
            }
        });
    }

    private void Count(HubTransaction transaction, OutgoingServer server, IReadOnlyList<EmailAddress[]> mails, int sign)
    {
        lock (turn)
        {
            var mailbox = Find(transaction, SendingBudget.MeterOf(server));
            // What has no limit need not be counted: servers that relay thousands a second are such.
            if (SendingBudget.Of(server, mailbox.Change) is { MessagesPerMinute: not null } or { RecipientsPerDay: not null }) Add(transaction, mailbox, mails.Count * sign, mails.Sum(mail => mail.Length) * sign);
            if (TenantOf(transaction, server) is not { } tenant) return;
            var room = new TenantRoom(0, null, OwnDomains(transaction, server.TenantId!.Value));
            Add(transaction, tenant, 0, mails.Sum(room.Outside) * sign);
        }
    }

    private static void Add(HubTransaction transaction, Entry entry, int messages, int recipients)
    {
        if (messages == 0 && recipients == 0) return;
        var minute = SendingMeter.MinuteOf(transaction.Now);
        if (messages > 0 || recipients > 0) entry.Meter.TakeUp(messages, recipients, transaction.Now);
        else entry.Meter.GiveBack(-messages, -recipients, transaction.Now);
        SendingBudgetStore.Count(transaction, entry.Name, minute, messages, recipients);
        if (minute == entry.SweptAt) return;
        SendingBudgetStore.Sweep(transaction, entry.Name, minute - (25 * 60));
        entry.SweptAt = minute;
    }

    /// <returns>Null when the tenant is not known or has no limit.</returns>
    private Entry? TenantOf(HubReader reader, OutgoingServer server)
    {
        if (SendingBudget.TenantMeterOf(server) is not { } name) return null;
        var entry = Find(reader, name);
        return SendingBudget.OfTenant(entry.Change).RecipientsPerDay is null ? null : entry;
    }

    /// <summary>Domains whose addresses are not outside: those of the tenant's mailboxes that are connected here, and the hub's own.</summary>
    private HashSet<string> OwnDomains(HubReader reader, Guid tenant)
    {
        var own = servers.Roster(reader).Where(server => server.TenantId == tenant).Select(server => server.Mailbox?.Domain).OfType<string>().ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (parameters.CatchallDomain is { } domain) own.Add(domain);
        return own;
    }

    private Entry Find(HubReader reader, string name)
    {
        if (entries.TryGetValue(name, out var known)) return known;
        var entry = new Entry(name) { Change = SendingBudgetStore.Find(reader, name) ?? SendingBudgetChange.None };
        foreach (var (minute, messages, recipients) in SendingBudgetStore.Used(reader, name, SendingMeter.MinuteOf(reader.Now) - (24 * 60))) entry.Meter.Load(minute, messages, recipients, reader.Now);
        return entries[name] = entry;
    }

    private sealed class Entry(string name)
    {
        public string Name => name;
        public SendingMeter Meter { get; } = new();
        public SendingBudgetChange Change { get; set; } = SendingBudgetChange.None;
        /// <summary>The minute in which old rows were deleted last.</summary>
        public long SweptAt { get; set; }
    }
}
