namespace Postrider.Tests.OnPostgres;

// Stores whose SQL is worth a run on both databases each time; the rest runs on PostgreSQL with POSTRIDER_TEST_DATABASE=postgres.

[OnPostgres]
public sealed class ConversationsOnPostgresTests : Tests.Conversations.ConversationsTests;

[OnPostgres]
public sealed class SearchOnPostgresTests : Tests.Conversations.SearchTests;

[OnPostgres]
public sealed class IntakeOnPostgresTests : Tests.IncomingMail.IntakeTests;

[OnPostgres]
public sealed class MailboxReaderOnPostgresTests : Tests.IncomingServers.MailboxReaderTests;

[OnPostgres]
public sealed class IncidentOnPostgresTests : Tests.Journal.IncidentTests;

[OnPostgres]
public sealed class OutboxQueueOnPostgresTests : Tests.OutgoingMail.OutboxQueueTests;

[OnPostgres]
public sealed class RestoreWatchOnPostgresTests : Tests.OutgoingMail.RestoreWatchTests;

[OnPostgres]
public sealed class SendingBudgetFlowOnPostgresTests : Tests.OutgoingMail.SendingBudgetFlowTests;

[OnPostgres]
public sealed class DedicatedServerOnPostgresTests : Tests.OutgoingServers.DedicatedServerTests;

[OnPostgres]
public sealed class BodiesOnPostgresTests : Tests.Storage.BodiesTests;

[OnPostgres]
public sealed class HubDatabaseOnPostgresTests : Tests.Storage.HubDatabaseTests;

[OnPostgres]
public sealed class UsersOnPostgresTests : Tests.Users.UsersTests;
