using Postrider.Mail;
using Postrider.OutgoingServers;

namespace Postrider.Tests.OutgoingServers;

public sealed class ServerChoiceTests
{
    private static readonly Guid Ann = Guid.Parse("00000000-0000-7000-8000-000000000001");
    private static readonly NamedAddress AnnAddress = new("Ann Baker", EmailAddress.Parse("ann@meadow.example"));
    private static readonly EmailAddress Notifications = EmailAddress.Parse("notifications@meadow.example");

    [Fact]
    public void An_address_beats_a_domain_whatever_the_priority()
    {
        var decision = Decide(Server("domain", "meadow.example", 1), Server("address", "ann@meadow.example", 99));
        Assert.Equal(("address", ServerRule.Address), (decision.Server!.Name, decision.Rule));
        Assert.Equal(AnnAddress, decision.HeaderFrom);
    }

    [Fact]
    public void A_domain_comes_next()
    {
        var decision = Decide(Server("default", "notifications@meadow.example", 1), Server("domain", "MEADOW.example", 2));
        Assert.Equal(("domain", ServerRule.Domain), (decision.Server!.Name, decision.Rule));
    }

    [Fact]
    public void The_default_sender_stands_in_and_keeps_the_name()
    {
        var decision = Decide(Server("default", "notifications@meadow.example"));
        Assert.Equal(ServerRule.DefaultFromAddress, decision.Rule);
        Assert.Equal(new NamedAddress("Ann Baker", Notifications), decision.HeaderFrom);
        Assert.Equal(Notifications, decision.EnvelopeFrom);
        Assert.Contains("“Ann Baker” is kept", decision.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_name_the_local_part_stands_for_it() =>
        Assert.Equal("ann", Decide(question => question with { From = new(null, AnnAddress.Address) }, Server("default", "notifications@meadow.example")).HeaderFrom.Name);

    [Fact]
    public void The_default_senders_domain_comes_fourth() =>
        Assert.Equal(ServerRule.DefaultFromDomain, Decide(question => question with { From = new("X", EmailAddress.Parse("x@elsewhere.example")) }, Server("domain", "meadow.example")).Rule);

    [Fact]
    public void An_empty_filter_is_no_match_but_a_late_fallback()
    {
        var decision = Decide(Server("open", "", 1), Server("domain", "meadow.example", 2));
        Assert.Equal("domain", decision.Server!.Name);
        decision = Decide(Server("other", "elsewhere.example", 1), Server("open", "", 2));
        Assert.Equal(("open", ServerRule.NoFilter, Notifications), (decision.Server!.Name, decision.Rule, decision.SmtpFrom));
    }

    [Fact]
    public void Without_a_default_sender_the_fallback_keeps_the_address()
    {
        var decision = Decide(question => question with { DefaultFrom = null }, Server("open", ""));
        Assert.Equal(AnnAddress, decision.HeaderFrom);
    }

    [Fact]
    public void The_first_server_is_the_last_resort_with_a_warning()
    {
        var decision = Decide(Server("second", "elsewhere.example", 2), Server("first", "nowhere.example", 1));
        Assert.Equal(("first", ServerRule.FirstServer), (decision.Server!.Name, decision.Rule));
        Assert.NotNull(decision.Warning);
    }

    [Fact]
    public void Somebody_elses_own_server_is_never_used()
    {
        var decision = Decide(question => question with { Creator = Guid.Parse("00000000-0000-7000-8000-000000000002") }, Server("own", "ann@meadow.example", owner: Ann));
        Assert.Equal("no-outgoing-server", decision.Problem!.Code);
    }

    [Fact]
    public void The_own_server_is_used_for_the_own_address_only()
    {
        Assert.Equal("own", Decide(Server("own", "ann@meadow.example", owner: Ann), Server("default", "notifications@meadow.example")).Server!.Name);
        Assert.Equal("default", Decide(question => question with { From = new("X", EmailAddress.Parse("x@elsewhere.example")) }, Server("own", "ann@meadow.example", 1, owner: Ann), Server("default", "notifications@meadow.example", 2)).Server!.Name);
    }

    [Fact]
    public void An_archived_server_is_not_there() => Assert.Equal("no-outgoing-server", Decide(Server("a", "ann@meadow.example") with { Active = false }).Problem!.Code);

    [Fact]
    public void Bounces_go_to_the_bounce_address_where_the_filter_admits_it()
    {
        var bounce = EmailAddress.Parse("bounce@meadow.example");
        Assert.Equal(bounce, Decide(question => question with { Bounce = bounce }, Server("domain", "meadow.example")).EnvelopeFrom);
        Assert.Equal(AnnAddress.Address, Decide(question => question with { Bounce = bounce }, Server("address", "ann@meadow.example")).EnvelopeFrom);
    }

    [Fact]
    public void Exchange_gets_no_envelope_sender_that_the_account_may_not_use() =>
        Assert.Equal(AnnAddress.Address, Decide(question => question with { Bounce = EmailAddress.Parse("bounce@meadow.example") }, Server("domain", "meadow.example") with { EnvelopeIsSender = true }).EnvelopeFrom);

    [Fact]
    public void A_forced_server_leaves_the_sender_as_it_is()
    {
        var forced = Server("mailings", "elsewhere.example");
        var decision = Decide(question => question with { Forced = forced.Id }, Server("address", "ann@meadow.example"), forced);
        Assert.Equal(("mailings", ServerRule.Forced), (decision.Server!.Name, decision.Rule));
        Assert.Equal(AnnAddress, decision.HeaderFrom);
        Assert.Equal("outgoing-server-archived", Decide(question => question with { Forced = forced.Id }, forced with { Active = false }).Problem!.Code);
    }

    [Fact]
    public void A_mailing_goes_through_the_dedicated_server_under_its_own_sender()
    {
        var (mailings, address) = (Server("mailings", ""), Server("address", "ann@meadow.example"));
        var decision = Decide(question => question with { Mailing = true, MailingServer = mailings.Id }, address, mailings);
        Assert.Equal(("mailings", ServerRule.Forced, AnnAddress), (decision.Server!.Name, decision.Rule, decision.HeaderFrom));
        Assert.Contains("Dedicated Server", decision.Explanation, StringComparison.Ordinal);
        Assert.Equal("address", Decide(question => question with { Mailing = true }, address, mailings).Server!.Name);
    }

    [Fact]
    public void A_server_that_the_mail_asks_for_comes_before_the_dedicated_one()
    {
        var (mailings, asked) = (Server("mailings", ""), Server("asked", ""));
        Assert.Equal("asked", Decide(question => question with { Mailing = true, MailingServer = mailings.Id, Forced = asked.Id }, mailings, asked).Server!.Name);
    }

    [Theory]
    // its empty filter catches no other mail while any other server exists
    [InlineData("", "elsewhere.example", "other FirstServer")]
    [InlineData("", "", "other NoFilter")]
    // on equal terms the other one comes first, whatever the priority
    [InlineData("meadow.example", "meadow.example", "other Domain")]
    // what its filter names is a person's word
    [InlineData("ann@meadow.example", "meadow.example", "mailings Address")]
    public void Other_mail_never_prefers_the_dedicated_server(string mailingFilter, string otherFilter, string expected)
    {
        var mailings = Server("mailings", mailingFilter, 1);
        var decision = Decide(question => question with { MailingServer = mailings.Id }, mailings, Server("other", otherFilter, 99));
        Assert.Equal(expected, $"{decision.Server!.Name} {decision.Rule}");
    }

    [Fact]
    public void Where_there_is_nothing_else_other_mail_takes_the_dedicated_server()
    {
        var mailings = Server("mailings", "");
        var decision = Decide(question => question with { MailingServer = mailings.Id }, mailings);
        Assert.Equal(("mailings", ServerRule.NoFilter, Notifications), (decision.Server!.Name, decision.Rule, decision.HeaderFrom.Address));
        Assert.Contains("there is no other", decision.Explanation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "outgoing-server-archived")]
    [InlineData(true, "outgoing-server-unknown")]
    public void A_dedicated_server_that_cannot_be_used_refuses_mailings_and_nothing_else(bool gone, string code)
    {
        var mailings = Server("mailings", "") with { Active = false };
        ServerCandidate[] servers = gone ? [Server("other", "meadow.example")] : [mailings, Server("other", "meadow.example")];
        var refused = Decide(question => question with { Mailing = true, MailingServer = mailings.Id }, servers).Problem!;
        Assert.Equal(code, refused.Code);
        Assert.Contains("Email Marketing", refused.Remedy, StringComparison.Ordinal);
        Assert.Equal("other", Decide(question => question with { MailingServer = mailings.Id }, servers).Server!.Name);
    }

    [Fact]
    public void A_forced_server_that_refused_the_sender_refuses_it_before_it_is_stored()
    {
        var forced = Refusing(Server("sales", "sales@meadow.example"), AnnAddress.Address);
        var problem = Decide(question => question with { Forced = forced.Id }, forced).Problem!;
        Assert.Equal(("outgoing-server-may-not-send-as", "554 5.2.252 SendAsDenied"), (problem.Code, problem.Detail));
        Assert.Null(Decide(question => question with { Forced = forced.Id, From = new("Ben", EmailAddress.Parse("ben@meadow.example")) }, forced).Problem);
    }

    [Fact]
    public void A_server_that_refused_the_sender_is_passed_over_and_the_default_sender_stands_in()
    {
        var domain = Refusing(Server("domain", "meadow.example", 1), AnnAddress.Address);
        var decision = Decide(domain, Server("default", "notifications@meadow.example", 2));
        Assert.Equal(("default", ServerRule.DefaultFromAddress, Notifications), (decision.Server!.Name, decision.Rule, decision.HeaderFrom.Address));
        Assert.Contains("“domain” is passed over", decision.Explanation, StringComparison.Ordinal);
        // The next one with the same entry is asked first.
        Assert.Equal("second", Decide(domain, Server("second", "meadow.example", 3), Server("default", "notifications@meadow.example", 2)).Server!.Name);
    }

    [Fact]
    public void What_every_server_refused_still_has_a_server_and_a_warning()
    {
        var decision = Decide(Refusing(Server("only", "notifications@meadow.example"), Notifications));
        Assert.Equal(("only", ServerRule.FirstServer), (decision.Server!.Name, decision.Rule));
        Assert.Contains("refused notifications@meadow.example before", decision.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Own_servers_can_be_switched_off_and_then_cannot_be_forced_either()
    {
        var own = Server("own", "ann@meadow.example", owner: Ann);
        Assert.Equal("default", Decide(question => question with { PersonalServersDisabled = true }, own, Server("default", "notifications@meadow.example")).Server!.Name);
        Assert.Equal("outgoing-server-owned", Decide(question => question with { PersonalServersDisabled = true, Forced = own.Id }, own).Problem!.Code);
        Assert.Equal("own", Decide(question => question with { Forced = own.Id }, own).Server!.Name);
    }

    [Theory]
    [InlineData("meadow.example", "returns@meadow.example", "returns@meadow.example")]
    [InlineData("meadow.example", "returns@elsewhere.example", "ann@meadow.example")]
    [InlineData("", "returns@elsewhere.example", "returns@elsewhere.example")]
    public void The_envelope_sender_that_a_mail_asks_for_needs_the_filters_consent(string filter, string asked, string expected)
    {
        var decision = Decide(question => question with { EnvelopeOverride = EmailAddress.Parse(asked), Bounce = EmailAddress.Parse("bounce@meadow.example"), DefaultFrom = null }, Server("one", filter));
        Assert.Equal(expected, decision.EnvelopeFrom.ToString());
        Assert.Equal(AnnAddress, decision.HeaderFrom);
    }

    [Fact]
    public void A_forced_server_takes_the_bounce_address_where_its_filter_does()
    {
        var (open, narrow) = (Server("open", ""), Server("narrow", "elsewhere.example"));
        var bounce = EmailAddress.Parse("bounce@meadow.example");
        Assert.Equal(bounce, Decide(question => question with { Forced = open.Id, Bounce = bounce }, open).EnvelopeFrom);
        Assert.Equal(AnnAddress.Address, Decide(question => question with { Forced = narrow.Id, Bounce = bounce }, narrow).EnvelopeFrom);
    }

    [Fact]
    public void Every_rule_that_was_looked_at_has_its_step_and_the_last_one_decides()
    {
        var decision = Decide(question => question with { From = new("X", EmailAddress.Parse("x@elsewhere.example")) }, Server("domain", "meadow.example"));
        Assert.Equal([ServerRule.Address, ServerRule.Domain, ServerRule.DefaultFromAddress, ServerRule.DefaultFromDomain, null], decision.Steps.Select(step => step.Rule));
        Assert.Equal(ServerRule.DefaultFromDomain, Assert.Single(decision.Steps, step => step.Decides).Rule);
        Assert.Equal(decision.Steps.Count, decision.Why.Split('\n').Length);
    }

    private static ServerCandidate Refusing(ServerCandidate server, EmailAddress sender) =>
        server with { SendAs = new Dictionary<EmailAddress, SendAsFact> { [sender] = new(Allowed: false, DateTimeOffset.UnixEpoch, "554 5.2.252 SendAsDenied") } };

    private static ServerDecision Decide(params ServerCandidate[] servers) => Decide(question => question, servers);

    private static ServerDecision Decide(Func<ServerQuestion, ServerQuestion> change, params ServerCandidate[] servers) =>
        ServerChoice.Decide(change(new ServerQuestion(AnnAddress, servers, Notifications, null, Ann, null, null)));

    private static ServerCandidate Server(string name, string filter, int sequence = 10, Guid? owner = null) =>
        new(new OutgoingServerId(Guid.CreateVersion7()), name, FromFilter.Parse(filter), sequence, true, owner, EnvelopeIsSender: false);
}
