namespace Postrider.Tests.Storage;

[OnPostgres]
public sealed class HubDatabaseOnPostgresTests : HubDatabaseTests;
