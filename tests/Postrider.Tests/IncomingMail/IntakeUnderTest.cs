using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.Journal;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Tests.IncomingMail;

/// <summary>An intake over a real store, without a hub around it.</summary>
internal static class IntakeUnderTest
{
    public static Intake Of(HubDatabase database, Bodies bodies, IntakeStore store, ConversationStore conversations, LiveEvents live, SystemParameters? parameters = null, IReceivingServers? servers = null, ReplyTokens? tokens = null, TimeProvider? clock = null)
    {
        clock ??= TimeProvider.System;
        var journal = new JournalWriter(clock, live);
        parameters ??= new SystemParameters(database, journal, []);
        var inboxes = new InboxStore(clock);
        tokens ??= new ReplyTokens(database, new EphemeralDataProtectionProvider(), parameters, clock);
        // Nothing is sent from here: what would be told stands in the table.
        var refusals = new Refusals(database, inboxes, outbox: null!, servers: null!, parameters, clock, NullLogger<Refusals>.Instance);
        var knowledge = new RouteKnowledge(store, inboxes, tokens, parameters, servers ?? new OneMailbox(new ReceivingServer(new DefaultTarget(null), IsExchange: true)));
        return new Intake(database, bodies, store, knowledge, conversations, inboxes, new ConversationEvents(live), ReportsUnderTest.Of(database, live), refusals, journal, live, clock, NullLogger<Intake>.Instance);
    }

    /// <summary>Every mailbox is this one.</summary>
    internal sealed class OneMailbox(ReceivingServer facts) : IReceivingServers
    {
        public ReceivingServer Facts { get; set; } = facts;

        public ReceivingServer Of(HubReader reader, Guid server) => Facts;
    }
}
