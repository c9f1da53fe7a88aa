using System.Text;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.Mail;

namespace Postrider.Tests.IncomingMail;

public sealed class RouteDecisionTests
{
    private static readonly ConversationId Theirs = new(Guid.Parse("01900000-0000-7000-8000-0000000000aa"));

    [Fact]
    public void A_first_message_is_new() => Assert.IsType<Route.New>(For(Mail("ann@x.example"), []));

    [Fact]
    public void A_participant_may_answer_an_incoming_message() =>
        Assert.IsType<Route.Reply>(For(Mail("ann@x.example", "In-Reply-To: <a@x>"), [Known("a@x", MessageDirection.Incoming, "other@x.example", takesPart: true)]));

    [Fact]
    public void A_stranger_may_not_join_by_naming_an_incoming_message()
    {
        var route = For(Mail("mallory@y.example", "In-Reply-To: <a@x>"), [Known("a@x", MessageDirection.Incoming, "ann@x.example")]);
        Assert.Contains("takes no part", Assert.IsType<Route.New>(route).Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void The_next_id_counts_when_the_first_is_not_for_the_sender() =>
        Assert.IsType<Route.Reply>(For(Mail("ann@x.example", "In-Reply-To: <b@x>\r\nReferences: <a@x>"),
            [Known("b@x", MessageDirection.Outgoing, "us@hub.example", to: "someone@else.example"), Known("a@x", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example")]));

    [Fact]
    public void A_mail_of_ours_under_its_sent_address_is_our_own_copy() =>
        Assert.IsType<Route.OwnCopy>(For(Mail("notifications@hub.example", "Message-ID: <our@hub>"), [Known("our@hub", MessageDirection.Outgoing, "ann@hub.example", sentFrom: "notifications@hub.example")]));

    [Fact]
    public void A_strangers_mail_with_our_id_is_not_swallowed() =>
        Assert.IsType<Route.New>(For(Mail("mallory@y.example", "Message-ID: <our@hub>"), [Known("our@hub", MessageDirection.Outgoing, "ann@hub.example")]));

    [Fact]
    public void Ten_thousand_references_are_looked_up_within_bounds()
    {
        var mail = Mail("ann@x.example", "References: " + string.Join("\r\n ", Enumerable.Range(0, 10_000).Select(i => $"<{i}@x>")));
        Assert.InRange(mail.Answers.Count, 1, 64);
        Assert.Equal("9999@x", mail.Answers[0]);
    }

    // LOP-01, LOP-02: what a header says of an answer, and of the mail itself.
    [Theory]
    [InlineData("Auto-Submitted: auto-replied", true, true)]
    [InlineData("Auto-Submitted: auto-generated", true, false)]
    [InlineData("Auto-Submitted: no", false, false)]
    [InlineData("X-Auto-Response-Suppress: All", false, false)]
    [InlineData("Precedence: bulk", false, false)]
    [InlineData("List-Id: <x.example>", false, false)]
    [InlineData("X-Autoreply: yes", true, true)]
    [InlineData("Content-Type: text/calendar; method=REPLY", false, true)]
    [InlineData("Content-Type: text/calendar; method=REQUEST", false, false)]
    public void Automatic_answers_say_so_themselves(string header, bool automatic, bool answers)
    {
        var mail = Mail("ann@x.example", header);
        Assert.Equal((automatic, answers), (mail.Automatic, mail.AnswersByItself));
        Assert.Equal(answers, For(mail, []) is Route.Automatic);
    }

    [Fact]
    public void An_automatic_answer_goes_where_a_persons_would()
    {
        var known = Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example");
        var route = Assert.IsType<Route.Automatic>(For(Mail("ann@x.example", "Auto-Submitted: auto-replied\r\nIn-Reply-To: <our@hub>"), [known]));
        Assert.Equal(Theirs, Assert.IsType<Route.Reply>(route.Within).Conversation);

        // A program is told nothing: what an alias would refuse waits for a person.
        var sales = Alias("sales", Sales, ContactRule.KnownContacts);
        route = Assert.IsType<Route.Automatic>(RouteDecision.For(Mail("ann@x.example", "Auto-Submitted: auto-replied", to: "sales@hub.example"), new RouteQuestion { Aliases = [sales] }));
        Assert.Equal(IncomingMailProblems.AutomaticNotPlaced, Assert.IsType<Route.Quarantine>(route.Within).ProblemCode);
    }

    [Theory]
    [InlineData("In-Reply-To: <1-loop-detection-bounce-email@hub.example>")]
    [InlineData("References: <a@x>\r\n <2-Loop-Detection-Bounce-Email@hub.example> <b@x>")]
    [InlineData("Message-ID: <3-loop-detection-bounce-email@hub.example>")]
    public void What_answers_an_automatic_answer_of_ours_is_a_loop(string header) =>
        Assert.False(Assert.IsType<Route.Loop>(For(Mail("ann@x.example", header), [])).ByVolume);

    // LOP-06, LOP-09
    [Theory]
    [InlineData("failed", true)]
    [InlineData("delayed", false)]
    [InlineData("relayed", false)]
    [InlineData("delivered", false)]
    public void A_report_is_a_failure_only_where_it_says_so(string action, bool failed)
    {
        var report = Report("ann@x.example", action);
        var route = Assert.IsType<Route.Report>(For(report, [Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example")]));
        Assert.True(route.Verified);
        Assert.Equal(failed, report.Report!.Recipients[0].Failed);
        Assert.Equal(failed, route.Explanation.StartsWith("It is a delivery report", StringComparison.Ordinal));
    }

    // LOP-08
    [Theory]
    [InlineData("=?utf-8?q?Nicht_zustellbar:_Angebot?=")]
    [InlineData("=?utf-8?b?6YWN5L+h5LiN6IO9?=")]
    [InlineData("Undeliverable: Offer")]
    [InlineData("")]
    public void A_report_is_found_by_its_form_and_not_by_its_subject(string subject)
    {
        var known = Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example");
        Assert.True(Assert.IsType<Route.Report>(For(Report("ann@x.example", "failed", subject), [known])).Verified);
        Assert.IsType<Route.Reply>(For(Read($"From: ann@x.example\r\nIn-Reply-To: <our@hub>\r\nSubject: {subject}\r\n\r\nWhat does this mean?\r\n"), [known]));
    }

    [Fact]
    public void A_receipt_belongs_to_the_mail_that_its_sender_got()
    {
        var known = Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example");
        Assert.Equal(known, Assert.IsType<Route.Receipt>(For(Receipt("ann@x.example"), [known])).About);
        Assert.Null(Assert.IsType<Route.Receipt>(For(Receipt("mallory@y.example"), [known])).About);
    }

    [Fact]
    public void A_report_of_tls_or_a_message_with_a_report_in_it_is_mail()
    {
        Assert.IsType<Route.New>(For(Read("From: noreply@mx.example\r\nTo: us@hub.example\r\nContent-Type: multipart/report; report-type=tlsrpt; boundary=r\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\nx\r\n--r--\r\n"), []));
        Assert.IsType<Route.Report>(For(Read("From: MAILER-DAEMON@mx.example\r\nTo: us@hub.example\r\nSubject: hm\r\n\r\nsomething\r\n"), []));
    }

    [Fact]
    public void What_comes_to_the_bounce_address_is_never_a_conversation()
    {
        var question = new RouteQuestion { Own = Own, Default = new DefaultTarget(null) };
        Assert.IsType<Route.Report>(RouteDecision.For(Mail("ann@x.example", to: "Bounce@Hub.example"), question));
        Assert.IsType<Route.Report>(RouteDecision.For(Mail("ann@x.example", to: "bounce+x@hub.example"), question));
        // Automatic answers come there, because they go to the envelope sender (RFC 3834 section 4).
        Assert.IsType<Route.Automatic>(RouteDecision.For(Mail("ann@x.example", "Auto-Submitted: auto-replied", to: "bounce@hub.example"), question));
        Assert.IsType<Route.New>(RouteDecision.For(Mail("ann@x.example", to: "bounce@other.example"), question));
    }

    // THR-06
    [Fact]
    public void The_same_subject_joins_nothing() =>
        Assert.IsType<Route.New>(For(Mail("ann@x.example"), [Known("a@x", MessageDirection.Incoming, "ann@x.example", takesPart: true)]));

    [Fact]
    public void A_forged_sender_joins_only_by_an_id_of_ours()
    {
        var forged = Mail("ann@x.example", "Authentication-Results: dmarc=fail header.from=x.example\r\nIn-Reply-To: <a@x>");
        Assert.Equal(SenderCheck.Failed, forged.SenderCheck);
        var route = Assert.IsType<Route.New>(For(forged, [Known("a@x", MessageDirection.Incoming, "ben@x.example", takesPart: true)]));
        Assert.Contains("DMARC failed", route.Explanation, StringComparison.Ordinal);
        Assert.IsType<Route.Reply>(For(forged, [Known("a@x", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example", takesPart: true)]));
    }

    // THR-04
    [Fact]
    public void A_parent_joins_the_child_that_came_first_when_they_belong_together()
    {
        RouteQuestion After(string author) => new() { Waiting = [new WaitingAnswer(Theirs, null, author)], Default = new DefaultTarget(null) };
        var parent = Mail("ann@x.example", "Message-ID: <p@x>\r\nCc: ben@x.example");
        Assert.Equal(Theirs, Assert.IsType<Route.Reply>(RouteDecision.For(parent, After("ann@x.example"))).Conversation);
        Assert.IsType<Route.Reply>(RouteDecision.For(parent, After("ben@x.example")));
        Assert.IsType<Route.New>(RouteDecision.For(parent, After("mallory@y.example")));
    }

    // THR-02
    [Fact]
    public void A_signed_address_lets_in_its_recipient_and_one_other()
    {
        var answered = Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example") with { OutboxMail = Guid.NewGuid() };
        Route Of(string from, bool used) => RouteDecision.For(Mail(from, to: "catchall+t@hub.example"), new RouteQuestion { Signed = new SignedReply(answered, used), Own = Own });
        Assert.Null(Assert.IsType<Route.Reply>(Of("ann@x.example", used: true)).LetInBy);
        Assert.Equal(answered.OutboxMail, Assert.IsType<Route.Reply>(Of("ann@private.example", used: false)).LetInBy);
        // Used again by somebody else it has no effect: the catchall address takes no mail.
        Assert.IsType<Route.Refused>(Of("mallory@y.example", used: true));
    }

    [Fact]
    public void Sent_on_to_an_alias_it_is_a_matter_of_its_own()
    {
        var known = Known("our@hub", MessageDirection.Outgoing, "support@hub.example", to: "ann@x.example") with { Inbox = Support };
        Route Of(string to, string headers = "In-Reply-To: <our@hub>", KnownMessage? about = null) => RouteDecision.For(Mail("ann@x.example", headers, to), new RouteQuestion { Known = [about ?? known], Aliases = [Alias("sales", Sales), Alias("support", Support)] });
        Assert.Equal(Sales, Assert.IsType<Route.New>(Of("sales@hub.example")).Places[0].Inbox);
        Assert.IsType<Route.Reply>(Of("support@hub.example"));
        Assert.IsType<Route.Reply>(Of("else@hub.example", "In-Reply-To: <our@hub>\r\nCc: sales@hub.example"));
        // In no inbox: an ordinary answer stays, also at the address the mail left with; what is forwarded goes.
        var loose = known with { Inbox = null };
        Assert.IsType<Route.Reply>(Of("sales@hub.example", about: loose));
        Assert.IsType<Route.New>(RouteDecision.For(Read("From: ann@x.example\r\nTo: sales@hub.example\r\nSubject: Fwd: s\r\nIn-Reply-To: <our@hub>\r\n\r\nhi\r\n"), new RouteQuestion { Known = [loose], Aliases = [Alias("sales", Sales)] }));
    }

    [Theory]
    [InlineData(ContactRule.Everyone, false, false, "new")]
    [InlineData(ContactRule.KnownContacts, false, false, "refused")]
    [InlineData(ContactRule.KnownContacts, true, false, "new")]
    [InlineData(ContactRule.KnownContacts, false, true, "new")]
    [InlineData(ContactRule.Followers, true, false, "refused")]
    [InlineData(ContactRule.Followers, false, true, "new")]
    public void A_contact_rule_admits_whom_it_names_and_nobody_forged(ContactRule rule, bool contact, bool user, string expected)
    {
        var question = new RouteQuestion { Aliases = [Alias("sales", Sales, rule)], SenderIsContact = contact, SenderIsUser = user };
        var route = RouteDecision.For(Mail("ann@x.example", to: "sales@hub.example"), question);
        Assert.Equal(expected, route is Route.New ? "new" : route is Route.Refused { By: "sales@hub.example" } ? "refused" : route.ToString());
        var forged = RouteDecision.For(Mail("ann@x.example", "Authentication-Results: spf=fail; dmarc=fail action=none header.from=x.example", to: "sales@hub.example"), question);
        Assert.Equal(rule == ContactRule.Everyone, forged is Route.New);
    }

    [Theory]
    [InlineData(MessageDirection.Incoming, "", true)]
    [InlineData(MessageDirection.Incoming, "Authentication-Results: spf=fail; dmarc=fail action=none header.from=hub.example\r\n", false)]
    [InlineData(MessageDirection.Outgoing, "", true)]
    public void A_users_answer_joins_the_conversation_the_user_follows(MessageDirection direction, string check, bool joins)
    {
        var known = Known("m1@x", direction, "ann@x.example", to: "sales@hub.example") with { Inbox = Sales };
        var answer = Mail("cy@hub.example", check + "In-Reply-To: <m1@x>", to: "sales@hub.example");
        var question = new RouteQuestion { Known = [known], Aliases = [Alias("sales", Sales, ContactRule.Followers)], Followed = new HashSet<ConversationId> { Theirs } };

        // The alias is for followers: of the conversation this one is, whatever else is known of the sender.
        if (joins) Assert.Contains("cy@hub.example follows", Assert.IsType<Route.Reply>(RouteDecision.For(answer, question)).Explanation, StringComparison.Ordinal);
        else Assert.IsType<Route.Refused>(RouteDecision.For(answer, question));
        // Of another conversation it is nobody.
        Assert.IsType<Route.Refused>(RouteDecision.For(answer, question with { Followed = new HashSet<ConversationId> { new(Guid.NewGuid()) } }));
    }

    [Fact]
    public void Who_follows_needs_no_signed_address_to_be_let_in()
    {
        var answered = Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example") with { OutboxMail = Guid.NewGuid() };
        var question = new RouteQuestion { Signed = new SignedReply(answered, UsedByAnother: true), Own = Own, Followed = new HashSet<ConversationId> { Theirs } };
        Assert.Null(Assert.IsType<Route.Reply>(RouteDecision.For(Mail("cy@hub.example", to: "catchall+t@hub.example"), question)).LetInBy);
    }

    [Fact]
    public void Several_aliases_are_a_conversation_each_and_one_inbox_is_one()
    {
        var question = new RouteQuestion { Aliases = [Alias("sales", Sales), Alias("support", Support), Alias("help", Support), Alias("board", Support, ContactRule.Followers)] };
        var route = Assert.IsType<Route.New>(RouteDecision.For(Mail("ann@x.example", to: "support@hub.example, sales@hub.example, help@hub.example, board@hub.example"), question));
        Assert.Equal([Support, Sales], route.Places.Select(p => p.Inbox!.Value));
        Assert.Contains("board@hub.example does not accept mail of ann@x.example", route.Explanation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sales@third.example", null, true)]
    [InlineData("sales@third.example", "other.example", false)]
    [InlineData("sales@other.example", "other.example", true)]
    [InlineData("sales@hub.example", "other.example", true)]
    [InlineData("SALES+x@hub.example", null, true)]
    [InlineData("salesman@hub.example", null, false)]
    public void An_alias_without_a_domain_takes_mail_on_the_hubs_own(string to, string? allowed, bool taken)
    {
        var anywhere = Alias("sales", Sales) with { Domain = "" };
        var question = new RouteQuestion { Aliases = [anywhere], Own = Own with { Allowed = OwnAddresses.AllowedDomains(allowed, ["hub.example"]) } };
        Assert.Equal(taken, RouteDecision.For(Mail("ann@x.example", to: to), question) is Route.New);
    }

    [Fact]
    public void Nobody_takes_it() =>
        Assert.Equal(IncomingMailProblems.NoRoute, Assert.IsType<Route.Quarantine>(RouteDecision.For(Mail("ann@x.example", to: "else@hub.example"), new RouteQuestion { Own = Own })).ProblemCode);

    [Theory]
    [InlineData(19, false)]
    [InlineData(20, true)]
    public void A_sender_who_writes_too_much_is_a_loop(int written, bool loop)
    {
        var mail = Mail("ann@x.example", to: "sales@hub.example");
        var route = RouteDecision.For(mail, new RouteQuestion { Aliases = [Alias("sales", Sales)] });
        Assert.Equal(loop, RouteDecision.Bounded(route, mail, new SenderVolume(written, 20, 120, Unbounded: false)) is Route.Loop { ByVolume: true });
        Assert.IsType<Route.New>(RouteDecision.Bounded(route, mail, new SenderVolume(written, 20, 120, Unbounded: true)));
    }

    [Fact]
    public void Our_mail_under_another_id_is_known_by_our_mark_and_its_references()
    {
        var mark = Guid.NewGuid();
        var known = Known("our@hub", MessageDirection.Outgoing, "ann@hub.example", sentFrom: "notifications@hub.example") with { OutboxMail = mark };
        var copy = $"Message-ID: <rewritten@exchange>\r\nReferences: <our@hub>\r\nX-Postrider-Id: {mark:D}";
        Assert.IsType<Route.OwnCopy>(For(Mail("notifications@hub.example", copy), [known]));
        Assert.IsNotType<Route.OwnCopy>(For(Mail("mallory@y.example", copy), [known]));
        Assert.IsNotType<Route.OwnCopy>(For(Mail("notifications@hub.example", "References: <our@hub>"), [known]));
    }

    // THR-05: our own id stands in References, whatever the server made of the Message-ID.
    [Fact]
    public void An_answer_to_a_rewritten_id_comes_home_by_our_own_in_its_references() =>
        Assert.IsType<Route.Reply>(For(Mail("ann@x.example", "In-Reply-To: <rewritten@exchange>\r\nReferences: <our@hub> <rewritten@exchange>"), [Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example")]));

    [Fact]
    public void References_in_a_circle_end()
    {
        var mail = Mail("ann@x.example", "Message-ID: <a@x>\r\nIn-Reply-To: <a@x>\r\nReferences: <a@x> <b@x> <a@x>");
        Assert.IsType<Route.New>(For(mail, []));
    }

    [Fact]
    public void A_forged_report_is_marked_unverified()
    {
        var report = Read("Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\nFrom: a@x.example\r\n\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; else@x.example\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n--r\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <our@hub>\r\n\r\n--r--\r\n");
        var route = Assert.IsType<Route.Report>(For(report, [Known("our@hub", MessageDirection.Outgoing, "us@hub.example", to: "ann@x.example")]));
        Assert.False(route.Verified);
    }

    private static Route For(ReceivedMail mail, IReadOnlyList<KnownMessage> known) => RouteDecision.For(mail, new RouteQuestion { Known = known, Default = new DefaultTarget(null) });

    private static readonly InboxId Sales = new(Guid.Parse("01900000-0000-7000-8000-0000000000c1"));
    private static readonly InboxId Support = new(Guid.Parse("01900000-0000-7000-8000-0000000000c2"));
    private static readonly OwnAddresses Own = new(EmailAddress.Parse("catchall@hub.example"), EmailAddress.Parse("bounce@hub.example"), null);

    private static Alias Alias(string name, InboxId inbox, ContactRule rule = ContactRule.Everyone) => new(new(Guid.NewGuid()), name, "hub.example", inbox, inbox == Sales ? "Sales" : "Support", rule, null, Active: true);

    private static ReceivedMail Report(string recipient, string action, string subject = "x") =>
        Read($"Subject: {subject}\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\r\nFrom: a@x.example\r\n\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: 4.0.0\r\n\r\n--r\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <our@hub>\r\n\r\n--r--\r\n");

    private static ReceivedMail Receipt(string from) =>
        Read($"Content-Type: multipart/report; report-type=disposition-notification; boundary=r\r\nFrom: {from}\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\nread\r\n--r\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; {from}\r\nOriginal-Message-ID: <our@hub>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--r--\r\n");

    private static ReceivedMail Mail(string from, string headers = "X-Nothing: x", string? to = null) => Read($"From: {from}\r\n{(to is null ? "" : $"To: {to}\r\n")}{headers}\r\nSubject: s\r\n\r\nhello\r\n");

    private static ReceivedMail Read(string text) => ReceivedMail.Read(Encoding.ASCII.GetBytes(text), exchange: true);

    private static KnownMessage Known(string id, MessageDirection direction, string author, string? to = null, string? sentFrom = null, bool takesPart = false) =>
        new(new(Guid.Parse("01900000-0000-7000-8000-0000000000bb")), Theirs, id, direction, author, sentFrom, to is null ? new HashSet<string>() : new HashSet<string> { to }, null, takesPart);
}
