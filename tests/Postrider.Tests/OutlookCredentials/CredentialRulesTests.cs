using Postrider.OutlookCredentials;

namespace Postrider.Tests.OutlookCredentials;

public sealed class CredentialRulesTests
{
    private const string ClientId = "11112222-3333-4444-5555-666677778888";
    private const string Secret = "abC8Q~notARealSecret.value-for-tests_123";

    [Fact]
    public void An_id_and_a_value_may_be_stored() => Assert.Null(CredentialRules.Check(ClientId, Secret, "2028-11-22", secretIsSet: false));

    [Fact]
    public void The_secrets_id_in_place_of_its_value_is_recognised() =>
        Assert.Equal("outlook-secret-id-pasted", CredentialRules.Check(ClientId, "99998888-7777-6666-5555-444433332222", null, secretIsSet: false)!.Code);

    [Theory]
    [InlineData("Postrider", Secret, null, "outlook-client-id-invalid")]
    [InlineData("", Secret, null, "outlook-client-id-invalid")]
    [InlineData(ClientId, "two words", null, "outlook-secret-invalid")]
    [InlineData(ClientId, "", null, "outlook-secret-not-entered")]
    [InlineData(ClientId, Secret, "22.11.2028", "outlook-secret-day-invalid")]
    public void What_cannot_be_right_is_refused(string clientId, string secret, string? day, string code) =>
        Assert.Equal(code, CredentialRules.Check(clientId, secret, day, secretIsSet: false)!.Code);

    [Fact]
    public void An_empty_secret_leaves_the_stored_one() => Assert.Null(CredentialRules.Check(ClientId, "", null, secretIsSet: true));

    [Theory]
    [InlineData(-1, "Ended")]
    [InlineData(0, "EndsNow")]
    [InlineData(7, "EndsNow")]
    [InlineData(8, "EndsSoon")]
    [InlineData(60, "EndsSoon")]
    [InlineData(61, "Good")]
    public void The_end_of_a_secret_is_warned_of_in_time(int days, string life)
    {
        var now = new DateTimeOffset(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);
        Assert.Equal(life, CredentialRules.LifeOf(new DateOnly(2026, 11, 22).AddDays(days), now).ToString());
        Assert.Equal(life != "Good", OutlookCredentialsProblems.ExpiryWarning(new DateOnly(2026, 11, 22).AddDays(days), now) is not null);
    }
}
