using Postrider.Mail.Reports;
using Postrider.OutgoingMail;

namespace Postrider.Tests.OutgoingMail;

public sealed class SuppressionRuleTests
{
    [Theory]
    [InlineData(BounceReason.MailboxUnknown, "5.1.1")]
    [InlineData(BounceReason.MailboxUnknown, "5.1.10")]
    [InlineData(BounceReason.HostUnknown, "5.1.2")]
    [InlineData(BounceReason.NotAccepting, "5.1.10")]
    public void One_bounce_is_enough_when_there_is_no_such_address(BounceReason reason, string status) => Assert.Equal(SuppressionReason.AddressInvalid, SuppressionRule.For(Bounce(reason, status), 1));

    [Theory]
    [InlineData(BounceReason.MailboxUnknown, null)]
    [InlineData(BounceReason.MailboxUnknown, "5.0.0")]
    [InlineData(BounceReason.MailboxDisabled, "5.2.1")]
    [InlineData(BounceReason.MailboxFull, "5.2.2")]
    [InlineData(BounceReason.Unknown, "5.5.0")]
    public void Other_hard_bounces_count_to_three(BounceReason reason, string? status)
    {
        Assert.Null(SuppressionRule.For(Bounce(reason, status), 2));
        Assert.Equal(SuppressionReason.Bounces, SuppressionRule.For(Bounce(reason, status), 3));
    }

    [Theory]
    [InlineData(BounceReason.Blocked)]
    [InlineData(BounceReason.Spam)]
    [InlineData(BounceReason.Authentication)]
    [InlineData(BounceReason.SenderRejected)]
    [InlineData(BounceReason.TooLarge)]
    public void What_was_refused_for_our_sake_says_nothing_about_the_address(BounceReason reason) => Assert.Null(SuppressionRule.For(Bounce(reason, "5.7.1"), 99));

    [Fact]
    public void Soft_bounces_delays_and_deliveries_never_suppress_and_a_complaint_does()
    {
        Assert.Null(SuppressionRule.For(Bounce(BounceReason.MailboxUnknown, "5.1.1") with { Permanent = false }, 99));
        Assert.Null(SuppressionRule.For(Bounce(BounceReason.MailboxFull, "4.2.2") with { Fate = Fate.Delayed, Permanent = false }, 99));
        Assert.Null(SuppressionRule.For(Bounce(BounceReason.None, "2.0.0") with { Fate = Fate.Delivered }, 99));
        Assert.Equal(SuppressionReason.Complaint, SuppressionRule.For(Bounce(BounceReason.Complaint, null) with { Fate = Fate.Complained, Permanent = false }, 0));
    }

    [Fact]
    public void The_mail_as_a_whole_has_bounced_when_it_did_everywhere()
    {
        var (bounced, delayed, delivered) = (Bounce(BounceReason.MailboxUnknown, "5.1.1"), Bounce(BounceReason.Network, "4.4.1") with { Fate = Fate.Delayed }, Bounce(BounceReason.None, "2.0.0") with { Fate = Fate.Delivered });
        Assert.Equal(MailFate.Bounced, MailFates.Of(1, [bounced]));
        Assert.Equal(MailFate.PartlyBounced, MailFates.Of(2, [bounced, delivered]));
        Assert.Equal(MailFate.Delayed, MailFates.Of(2, [delayed, delivered]));
        Assert.Equal(MailFate.Delivered, MailFates.Of(1, [delivered]));
        Assert.Null(MailFates.Of(2, [delivered]));
    }

    private static RecipientFate Bounce(BounceReason reason, string? status) => new(Fate.Bounced, true, status, reason, "550 no", new(2026, 11, 25, 8, 0, 0, TimeSpan.Zero));
}
