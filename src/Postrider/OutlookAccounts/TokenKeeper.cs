using Postrider.Storage;

namespace Postrider.OutlookAccounts;

/// <summary>Renews the tokens of accounts that nobody uses, so that a withdrawn consent is noticed and Microsoft's 90 days never pass; and forgets old attempts to connect.</summary>
internal sealed class TokenKeeper(HubDatabase database, OutlookAccountStore accounts, AccessTokens tokens, TimeProvider clock, ILogger<TokenKeeper> log) : BackgroundService
{
    private static readonly TimeSpan Round = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Round, clock);
        do
        {
            try
            {
                await KeepAsync(stoppingToken);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                OutlookAccountsLog.KeeperFailed(log, failure);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal async Task KeepAsync(CancellationToken cancellationToken)
    {
        await database.WriteAsync(ConnectRequestStore.Forget, cancellationToken);
        foreach (var account in await accounts.KeepAliveDueAsync(clock.GetUtcNow(), cancellationToken))
        {
            try
            {
                await tokens.ForOutlookAsync(account, forceRefresh: true, cancellationToken);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                // One account's trouble must not cost those behind it their 90 days.
                OutlookAccountsLog.KeeperFailed(log, failure);
            }
        }
    }
}
