using Postrider.OutlookAccounts;
using Postrider.OutlookCredentials;
using Postrider.Storage;

namespace Postrider.Tests.OutlookAccounts;

public sealed class AccessTokensTests(HubWithMicrosoft both) : IClassFixture<HubWithMicrosoft>
{
    private AccessTokens Tokens => both.Hub.Service<AccessTokens>();
    private OutlookAccountStore Accounts => both.Hub.Service<OutlookAccountStore>();
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Twenty_who_ask_at_once_cause_one_renewal_and_its_refresh_token_is_stored()
    {
        var account = await ConnectedAsync("sales@meadow.example");
        var before = (await Accounts.OpenTokensAsync(account, Cancel))!.Value;
        await ExpireAsync(account);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Tokens.ForOutlookAsync(account, forceRefresh: false, Cancel)));
        var after = (await Accounts.OpenTokensAsync(account, Cancel))!.Value;
        Assert.Equal(after.Access, Assert.Single(answers.Select(answer => answer.Token).Distinct()));
        Assert.NotEqual(before.Access, after.Access);
        Assert.NotEqual(before.Refresh, after.Refresh);
    }

    [Fact]
    public async Task A_good_token_is_handed_out_without_asking_Microsoft()
    {
        var account = await ConnectedAsync("ben@meadow.example");
        var first = await Tokens.ForOutlookAsync(account, forceRefresh: false, Cancel);
        Assert.Equal(first.Token, (await Tokens.ForOutlookAsync(account, forceRefresh: false, Cancel)).Token);
        Assert.DoesNotContain(first.Token!, first.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_consent_asks_for_a_sign_in_and_is_asked_about_once()
    {
        var account = await ConnectedAsync("ann@meadow.example");
        both.Microsoft.Directory.RevokeSessions(both.Microsoft.Directory.FindUser("ann@meadow.example")!.Id);
        await ExpireAsync(account);
        var answer = await Tokens.ForOutlookAsync(account, forceRefresh: false, Cancel);
        Assert.Null(answer.Token);
        Assert.Equal("outlook-token-revoked", answer.Problem!.Code);
        var stored = (await Accounts.FindAsync(account, Cancel))!;
        Assert.True(stored.NeedsSignIn);

        // Even a forced renewal asks Microsoft no second time: the account is left as it is.
        Assert.Equal(answer.Problem.Code, (await Tokens.ForOutlookAsync(account, forceRefresh: true, Cancel)).Problem!.Code);
        Assert.Equal(1, await both.Hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM journal_event WHERE kind = 'outlook-token-revoked' AND subject_id = @id", new { id = account.Value })));
    }

    [Fact]
    public async Task A_wrong_secret_is_one_incident_of_the_application_and_no_accounts_fault()
    {
        var one = await ConnectedAsync("notifications@meadow.example");
        var other = await ConnectedAsync("rosa@outlook.example");
        await both.SaveCredentialsAsync("wrong~" + both.Secret[6..]);
        try
        {
            await ExpireAsync(one);
            await ExpireAsync(other);
            Assert.Equal("outlook-secret-wrong", (await Tokens.ForOutlookAsync(one, forceRefresh: false, Cancel)).Problem!.Code);
            var second = (await Tokens.ForOutlookAsync(other, forceRefresh: false, Cancel)).Problem!;
            Assert.Equal("outlook-secret-wrong", second.Code);
            Assert.NotNull(second.NextTry);
            Assert.False((await Accounts.FindAsync(one, Cancel))!.NeedsSignIn);
            Assert.Equal(1, await both.Hub.Service<HubDatabase>().ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM journal_event WHERE kind = 'outlook-secret-wrong'")));
        }
        finally
        {
            await both.SaveCredentialsAsync(both.Secret);
        }

        // A person mended it: nobody waits for the next try.
        Assert.NotNull((await Tokens.ForOutlookAsync(one, forceRefresh: false, Cancel)).Token);
        Assert.Null((await both.Hub.Service<OutlookCredentialStore>().ReadAsync(Cancel)).Problem);
    }

    [Fact]
    public async Task An_account_of_another_application_is_not_renewed_and_keeps_its_sign_in()
    {
        var account = await ConnectedAsync("ben@meadow.example");
        await ExpireAsync(account);
        await both.SaveCredentialsAsync(both.Secret, Guid.NewGuid());
        try
        {
            Assert.Equal("outlook-other-application", (await Tokens.ForOutlookAsync(account, forceRefresh: true, Cancel)).Problem!.Code);
            Assert.False((await Accounts.FindAsync(account, Cancel))!.NeedsSignIn);
        }
        finally
        {
            await both.SaveCredentialsAsync(both.Secret);
        }

        Assert.NotNull((await Tokens.ForOutlookAsync(account, forceRefresh: true, Cancel)).Token);
    }

    private async Task<OutlookAccountId> ConnectedAsync(string mailbox) => (await both.ServerAsync(await both.ConnectAsync(mailbox))).AccountId!.Value;

    private Task<int> ExpireAsync(OutlookAccountId account) =>
        both.Hub.Service<HubDatabase>().WriteAsync(tx => tx.Execute("UPDATE outlook_account SET access_token_expires_at = @at, refreshed_at = @at WHERE id = @account", new { account, at = tx.Now.AddMinutes(-1) }));
}
