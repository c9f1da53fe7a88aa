using System.Text;
using Postrider.Conversations;
using Postrider.IncomingMail;

namespace Postrider.Tests.IncomingMail;

public sealed class RouteDecisionTests
{
    private static readonly ConversationId Theirs = new(Guid.Parse("01900000-0000-7000-8000-0000000000aa"));

    [Fact]
    public void A_first_message_is_new() => Assert.IsType<Route.New>(RouteDecision.For(Mail("ann@x.example"), []));

    [Fact]
    public void A_participant_may_answer_an_incoming_message() =>
        Assert.IsType<Route.Reply>(RouteDecision.For(Mail("ann@x.example", "In-Reply-To: <a@x>"), [Known("a@x", MessageDirection.Incoming, "other@x.example", takesPart: true)]));

    [Fact]
    public void A_stranger_may_not_join_by_naming_an_incoming_message()
    {
        var route = RouteDecision.For(Mail("mallory@y.example", "In-Reply-To: <a@x>"), [Known("a@x", MessageDirection.Incoming, "ann@x.example")]);
        Assert.Contains("takes no part", Assert.IsType<Route.New>(route).Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void The_next_id_counts_when_the_first_is_not_for_the_sender() =>
        Assert.IsType<Route.Reply>(RouteDecision.For(Mail("ann@x.example", "In-Reply-To: <b@x>\r\nReferences: <a@x>"),
            [Known("b@x", MessageDirection.Outgoing, "us@hub.example", to: "someone@else.example"), Known("a@x", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example")]));

    [Fact]
    public void A_mail_of_ours_under_its_sent_address_is_our_own_copy() =>
        Assert.IsType<Route.OwnCopy>(RouteDecision.For(Mail("notifications@hub.example", "Message-ID: <our@hub>"), [Known("our@hub", MessageDirection.Outgoing, "ann@hub.example", sentFrom: "notifications@hub.example")]));

    [Fact]
    public void A_strangers_mail_with_our_id_is_not_swallowed() =>
        Assert.IsType<Route.New>(RouteDecision.For(Mail("mallory@y.example", "Message-ID: <our@hub>"), [Known("our@hub", MessageDirection.Outgoing, "ann@hub.example")]));

    [Fact]
    public void Ten_thousand_references_are_looked_up_within_bounds()
    {
        var mail = Mail("ann@x.example", "References: " + string.Join("\r\n ", Enumerable.Range(0, 10_000).Select(i => $"<{i}@x>")));
        Assert.InRange(mail.Answers.Count, 1, 64);
        Assert.Equal("9999@x", mail.Answers[0]);
    }

    [Theory]
    [InlineData("Auto-Submitted: auto-replied", true)]
    [InlineData("Auto-Submitted: no", false)]
    [InlineData("X-Auto-Response-Suppress: All", false)]
    public void Automatic_answers_say_so_themselves(string header, bool automatic) => Assert.Equal(automatic, Mail("ann@x.example", header).Automatic);

    [Fact]
    public void A_forged_report_is_marked_unverified()
    {
        var report = Read("Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\nFrom: a@x.example\r\n\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; else@x.example\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n--r\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <our@hub>\r\n\r\n--r--\r\n");
        var route = Assert.IsType<Route.Report>(RouteDecision.For(report, [Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example")]));
        Assert.False(route.Verified);
    }

    private static ReceivedMail Mail(string from, string headers = "X-Nothing: x") => Read($"From: {from}\r\n{headers}\r\nSubject: s\r\n\r\nhello\r\n");

    private static ReceivedMail Read(string text) => ReceivedMail.Read(Encoding.ASCII.GetBytes(text));

    private static KnownMessage Known(string id, MessageDirection direction, string author, string? to = null, string? sentFrom = null, bool takesPart = false) =>
        new(new(Guid.Parse("01900000-0000-7000-8000-0000000000bb")), Theirs, id, direction, author, sentFrom, to is null ? new HashSet<string>() : new HashSet<string> { to }, null, takesPart);
}
