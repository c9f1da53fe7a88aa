using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Web;

namespace Postrider.Tests.OutgoingMail;

public sealed class UnknownScheduleTests
{
    private static readonly DateTimeOffset Broke = new(2026, 11, 25, 8, 0, 0, TimeSpan.Zero);
    private static readonly SentItemsAnswer Absent = new SentItemsAnswer.Absent([EmailAddress.Parse("ann@meadow.example")]);
    private static readonly SentItemsAnswer Found = new SentItemsAnswer.Found(EmailAddress.Parse("ann@meadow.example"), "Sent Items", 7, "x@y");

    [Theory]
    [InlineData(15, 60)]
    [InlineData(60, 180)]
    [InlineData(200, 600)]
    [InlineData(599, 600)]
    public void What_is_absent_is_looked_for_again_until_the_grace_has_passed(int seconds, int next) =>
        Assert.Equal(new UnknownStep.LookAgain(Broke.AddSeconds(next)), After(Absent, seconds));

    [Fact]
    public void What_is_absent_at_the_end_is_sent_again_once()
    {
        Assert.IsType<UnknownStep.SendAgain>(After(Absent, 600));
        Assert.IsType<UnknownStep.SendAgain>(After(Absent, 100_000));
        Assert.IsType<UnknownStep.AskPerson>(After(Absent, 600, times: 2));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(600, 1)]
    [InlineData(20, 2)]
    public void What_is_found_was_sent(int seconds, int times) => Assert.IsType<UnknownStep.WasSent>(After(Found, seconds, times));

    [Fact]
    public void What_cannot_be_searched_is_never_sent_again_by_itself()
    {
        var closed = new SentItemsAnswer.CannotSearch(new Problem("imap-mailbox-not-connected", "x", null, "y", "nobody", true));
        Assert.Equal(new UnknownStep.LookAgain(Broke.AddSeconds(60)), After(closed, 15));
        Assert.Equal(new UnknownStep.LookAgain(Broke.AddSeconds(1200)), After(closed, 600));
        Assert.Equal(new UnknownStep.LookAgain(Broke.AddSeconds(86400 + 3600)), After(closed, 86400));
        Assert.IsType<UnknownStep.AskPerson>(After(new SentItemsAnswer.CannotSearch(OutgoingServersProblems.NoSentItems("Relay")), 15));
    }

    private static UnknownStep After(SentItemsAnswer answer, int seconds, int times = 1) => UnknownSchedule.After(answer, times, Broke, Broke.AddSeconds(seconds));
}
