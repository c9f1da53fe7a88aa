using System.Text;
using Postrider.Doctor;
using Postrider.Entra;

namespace Postrider.Tests.Entra;

public sealed class TokenAnswerReaderTests
{
    [Fact]
    public void A_good_answer_is_read()
    {
        var (answer, failure) = Read(200, """{"token_type":"Bearer","scope":"https://outlook.office.com/SMTP.Send","expires_in":3736,"access_token":"at","refresh_token":"rt","id_token":"it"}""");
        Assert.Null(failure);
        Assert.Equal(("at", "rt", "it", TimeSpan.FromSeconds(3736)), (answer!.AccessToken, answer.RefreshToken, answer.IdToken, answer.ExpiresIn));
        Assert.DoesNotContain("at\"", answer.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_refresh_token_is_no_failure() =>
        Assert.Null(Read(200, """{"token_type":"Bearer","expires_in":"3600","access_token":"at"}""").Answer!.RefreshToken);

    [Fact]
    public void A_refusal_keeps_the_raw_words_and_drops_the_trace()
    {
        var (_, failure) = Read(400, """{"error":"invalid_grant","suberror":"bad_token","error_codes":[700082],"error_description":"AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: 1 Correlation ID: 2"}""");
        Assert.Equal(("invalid_grant", "bad_token", 700082), (failure!.Error, failure.SubError, failure.Codes.Single()));
        Assert.Equal("AADSTS700082: The refresh token has expired due to inactivity.", failure.Description);
    }

    [Fact]
    public void The_number_is_found_in_the_description_when_the_list_is_missing() =>
        Assert.Equal(7000215, Read(401, """{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}""").Failure!.Codes.Single());

    [Theory]
    [InlineData(200, "<html>proxy</html>")]
    [InlineData(200, "[]")]
    [InlineData(200, "{}")]
    [InlineData(200, """{"token_type":"Bearer","expires_in":0,"access_token":"at"}""")]
    [InlineData(200, """{"token_type":"mac","expires_in":60,"access_token":"at"}""")]
    [InlineData(200, """{"token_type":"Bearer","expires_in":60,"access_token":"a\r\nb"}""")]
    [InlineData(502, "<html>bad gateway</html>")]
    public void What_is_no_answer_blames_nobody(int status, string body)
    {
        var (answer, failure) = Read(status, body);
        Assert.Null(answer);
        Assert.Equal(FaultScope.Passing, SignInDoctor.Explain(failure!).Scope);
    }

    [Fact]
    public void A_life_that_nobody_gives_is_cut() =>
        Assert.Equal(TimeSpan.FromHours(28), Read(200, """{"token_type":"Bearer","expires_in":99999999,"access_token":"at"}""").Answer!.ExpiresIn);

    [Fact]
    public void A_redirect_with_an_error_is_read_without_control_characters()
    {
        var failure = TokenAnswerReader.ReadRedirect("access_denied", "AADSTS65004: User declined\r\nto consent.\u0007 Trace ID: 1");
        Assert.Equal(("access_denied", 65004, "AADSTS65004: User declined to consent."), (failure.Error, failure.Codes.Single(), failure.Description));
        Assert.Equal("", TokenAnswerReader.ReadRedirect("<script>", null).Error);
    }

    private static (TokenAnswer? Answer, SignInFailure? Failure) Read(int status, string body) => TokenAnswerReader.Read(status, Encoding.UTF8.GetBytes(body), null);
}
