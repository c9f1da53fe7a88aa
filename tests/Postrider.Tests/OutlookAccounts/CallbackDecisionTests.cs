using Postrider.OutlookAccounts;

namespace Postrider.Tests.OutlookAccounts;

public sealed class CallbackDecisionTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);
    private static readonly Guid User = Guid.CreateVersion7(Now);

    [Fact]
    public void The_one_who_began_it_may_end_it() => Assert.Equal(new CallbackDecision.Redeem("code"), Decide());

    [Fact]
    public void Without_a_state_nothing_is_asked() => Assert.Equal("connect-state-missing", Code(Decide(state: "")));

    [Fact]
    public void An_invented_state_is_unknown() => Assert.Equal("connect-state-unknown", Code(CallbackDecision.Of("s", "code", null, null, null, User, "binding", Now)));

    [Theory]
    [InlineData(ConnectPhase.CameBack)]
    [InlineData(ConnectPhase.Asks)]
    [InlineData(ConnectPhase.Done)]
    [InlineData(ConnectPhase.Failed)]
    internal void A_state_works_once(ConnectPhase phase) => Assert.Equal("connect-state-used", Code(Decide(request => request with { Phase = phase })));

    [Fact]
    public void After_ten_minutes_it_is_over() => Assert.Equal("connect-state-expired", Code(Decide(request => request with { ExpiresAt = Now })));

    [Fact]
    public void Another_user_another_browser_and_nobody_are_strangers()
    {
        Assert.Equal("connect-state-foreign", Code(Decide(user: Guid.CreateVersion7(Now))));
        Assert.Equal("connect-state-foreign", Code(Decide(binding: "of another browser")));
        Assert.Equal("connect-state-foreign", Code(CallbackDecision.Of("s", "code", null, null, Request(), null, "binding", Now)));
        Assert.Equal("connect-state-foreign", Code(CallbackDecision.Of("s", "code", null, null, Request(), User, null, Now)));
    }

    [Fact]
    public void A_stranger_does_not_learn_that_a_state_was_used() => Assert.Equal("connect-state-foreign", Code(Decide(request => request with { Phase = ConnectPhase.Done }, user: Guid.CreateVersion7(Now))));

    [Fact]
    public void An_error_ends_the_attempt() =>
        Assert.Equal(new CallbackDecision.Declined("access_denied", "no"), CallbackDecision.Of("s", null, "access_denied", "no", Request(), User, "binding", Now));

    [Fact]
    public void Neither_code_nor_error_is_no_answer() => Assert.Equal("connect-code-missing", Code(CallbackDecision.Of("s", null, null, null, Request(), User, "binding", Now)));

    [Fact]
    public void The_challenge_is_the_one_of_the_standard() =>
        // RFC 7636 appendix B.
        Assert.Equal("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", new ConnectSecrets("n", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").CodeChallenge);

    private static CallbackDecision Decide(Func<ConnectRequest, ConnectRequest>? change = null, string state = "s", Guid? user = null, string binding = "binding") =>
        CallbackDecision.Of(state, "code", null, null, change is null ? Request() : change(Request()), user ?? User, binding, Now);

    private static ConnectRequest Request() => new() { UserId = User, BindingHash = ConnectSecrets.Hash("binding"), Phase = ConnectPhase.AtMicrosoft, ExpiresAt = Now.AddMinutes(10) };

    private static string Code(CallbackDecision decision) => Assert.IsType<CallbackDecision.Refuse>(decision).Problem.Code;
}
