using Postrider.Doctor;

namespace Postrider.Tests.Doctor;

public sealed class SignInDoctorTests
{
    [Theory]
    [InlineData("invalid_client", 7000215, "outlook-secret-wrong", "Application")]
    [InlineData("invalid_client", 7000222, "outlook-secret-expired", "Application")]
    [InlineData("unauthorized_client", 700016, "outlook-application-unknown", "Application")]
    [InlineData("invalid_request", 50011, "outlook-redirect-not-registered", "Application")]
    [InlineData("invalid_grant", 700082, "outlook-token-expired", "Account")]
    [InlineData("invalid_grant", 50173, "outlook-token-revoked", "Account")]
    [InlineData("invalid_grant", 54005, "outlook-code-used", "Account")]
    [InlineData("access_denied", 65004, "outlook-consent-declined", "Account")]
    [InlineData("access_denied", 50105, "outlook-user-not-assigned", "Account")]
    [InlineData("temporarily_unavailable", 90033, "outlook-unavailable", "Passing")]
    public void The_number_chooses_the_words_and_the_error_the_scope(string error, int code, string problem, string scope)
    {
        var diagnosis = SignInDoctor.Explain(new SignInFailure(400, error, null, [code], "AADSTS" + code + ": text"));
        Assert.Equal((problem, scope), (diagnosis.Problem.Code, diagnosis.Scope.ToString()));
    }

    [Fact]
    public void A_loop_that_is_called_an_invalid_grant_passes_by_itself()
    {
        var diagnosis = SignInDoctor.Explain(new SignInFailure(400, "invalid_grant", null, [50196], null));
        Assert.Equal(FaultScope.Passing, diagnosis.Scope);
        Assert.True(diagnosis.Problem.RetriesByItself);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public void A_busy_server_is_never_the_accounts_fault(int status)
    {
        var diagnosis = SignInDoctor.Explain(new SignInFailure(status, "invalid_grant", null, [], null, TimeSpan.FromSeconds(60)));
        Assert.Equal((FaultScope.Passing, TimeSpan.FromSeconds(60)), (diagnosis.Scope, diagnosis.NotBefore));
    }

    [Fact]
    public void An_answer_of_tomorrow_proves_nothing_against_us()
    {
        Assert.Equal(FaultScope.Passing, SignInDoctor.Explain(new SignInFailure(400, "word_of_tomorrow", null, [999999], null)).Scope);
        Assert.Equal(FaultScope.Passing, SignInDoctor.Explain(new SignInFailure(400, "", null, [], null)).Scope);
    }

    [Fact]
    public void Every_explanation_tells_what_to_do()
    {
        foreach (var code in (int[])[7000215, 7000222, 50105, 50011, 65001, 90094, 53003, 50194, 700082])
            Assert.NotEmpty(SignInDoctor.Explain(new SignInFailure(400, "invalid_grant", null, [code], null)).Problem.Remedy);
    }
}
