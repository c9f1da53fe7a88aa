using Postrider.IncomingServers;

namespace Postrider.Tests.IncomingServers;

public sealed class MailboxCursorTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void From_now_on_begins_at_the_next_uid() => Assert.Equal(new MailboxCursor(7, 120, null), MailboxCursor.Begin(StartChoice.Now, 7, 120, Now));

    [Fact]
    public void Everything_begins_at_the_first_uid() => Assert.Equal(new MailboxCursor(7, 1, null), MailboxCursor.Begin(StartChoice.Everything, 7, 120, Now));

    [Fact]
    public void Without_a_next_uid_the_time_tells_old_from_new()
    {
        var cursor = MailboxCursor.Begin(StartChoice.Now, 7, null, Now);
        Assert.False(cursor.Wants(Now.AddMinutes(-1)));
        Assert.True(cursor.Wants(Now));
        Assert.True(cursor.Wants(null));
    }

    [Fact]
    public void The_same_validity_changes_nothing()
    {
        var cursor = new MailboxCursor(7, 120, null);
        Assert.Same(cursor, cursor.After(7, StartChoice.Now, Now, Now));
    }

    [Fact]
    public void A_new_validity_reads_again_what_can_be_new()
    {
        var after = new MailboxCursor(7, 120, null).After(8, StartChoice.Now, lastMailAt: Now.AddHours(-3), confirmedAt: Now.AddHours(-1));
        Assert.Equal(8u, after.UidValidity);
        Assert.Equal(1u, after.NextUid);
        Assert.Equal(Now.AddHours(-3).AddDays(-1), after.NotBefore);
    }

    [Fact]
    public void A_new_validity_reads_everything_again_where_everything_was_asked_for() =>
        Assert.Equal(new MailboxCursor(8, 1, null), new MailboxCursor(7, 120, null).After(8, StartChoice.Everything, Now, Now));
}
