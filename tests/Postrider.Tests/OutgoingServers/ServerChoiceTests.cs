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

    private static ServerDecision Decide(params ServerCandidate[] servers) => Decide(question => question, servers);

    private static ServerDecision Decide(Func<ServerQuestion, ServerQuestion> change, params ServerCandidate[] servers) =>
        ServerChoice.Decide(change(new ServerQuestion(AnnAddress, servers, Notifications, null, Ann, null, null)));

    private static ServerCandidate Server(string name, string filter, int sequence = 10, Guid? owner = null) =>
        new(new OutgoingServerId(Guid.CreateVersion7()), name, FromFilter.Parse(filter), sequence, true, owner, EnvelopeIsSender: false);
}
