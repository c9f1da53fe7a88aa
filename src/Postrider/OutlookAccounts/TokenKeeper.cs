using Postrider.Storage;

namespace Postrider.OutlookAccounts;

/// <summary>Renews the tokens of accounts that nobody uses, so that a withdrawn consent is noticed and Microsoft's 90 days never pass; and forgets old attempts to connect.</summary>
internal sealed class TokenKeeper(HubDatabase database, OutlookAccountStore accounts, AccessTokens tokens, TimeProvider clock, ILogger<TokenKeeper> log) : Rounds(TimeSpan.FromMinutes(5), atOnce: true, clock)
{
    protected override Task RoundAsync(CancellationToken cancellationToken) => KeepAsync(cancellationToken);

    protected override void Failed(Exception failure) => OutlookAccountsLog.KeeperFailed(log, failure);

    internal async Task KeepAsync(CancellationToken cancellationToken)
    {
        await database.WriteAsync(ConnectRequestStore.Forget, cancellationToken);
        foreach (var account in await accounts.KeepAliveDueAsync(Clock.GetUtcNow(), cancellationToken))
        {
            try
            {
                await tokens.ForOutlookAsync(account, forceRefresh: true, cancellationToken);
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                // One account's trouble must not cost those behind it their 90 days.
                OutlookAccountsLog.KeeperFailed(log, failure);
            }
        }
    }
}
