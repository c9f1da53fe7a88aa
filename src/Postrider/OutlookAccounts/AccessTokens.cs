using System.Collections.Concurrent;
using System.Security.Cryptography;
using Postrider.Doctor;
using Postrider.Entra;
using Postrider.OutlookCredentials;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutlookAccounts;

/// <summary>A token that may be used now, or why there is none. ToString shows no token.</summary>
internal sealed record AccessTokenResult(string? Token, DateTimeOffset? ExpiresAt, Problem? Problem)
{
    /// <summary>Who has to wait for want of a token.</summary>
    public FaultScope Scope { get; init; } = FaultScope.Account;

    /// <summary>As a server's trouble; not to be asked for when there is a token.</summary>
    public Diagnosis Trouble(DateTimeOffset now) => new(Problem!, Scope, Problem!.NextTry - now);

    public override string ToString() => Problem is null ? $"token until {ExpiresAt:O}" : Problem.Code;
}

/// <summary>Hands out access tokens and renews them, one renewal at a time for each account.</summary>
internal sealed class AccessTokens(
    HubDatabase database, OutlookAccountStore accounts, OutlookCredentialStore credentials, EntraAuthority authority, IServiceScopeFactory scopes, TimeProvider clock, ILogger<AccessTokens> log)
{
    // Ahead of expiry, so that a token does not end within a dialogue; the spread keeps many accounts from renewing at once.
    private static readonly TimeSpan RenewAhead = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan RenewSpread = TimeSpan.FromMinutes(2);

    // A token that somebody calls bad is not renewed again within this time: its answer would be the same.
    private static readonly TimeSpan ForcedPause = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan PassingPause = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<OutlookAccountId, SemaphoreSlim> turns = new();

    /// <param name="forceRefresh">A server refused the token that was handed out: get another one, once.</param>
    public async Task<AccessTokenResult> ForOutlookAsync(OutlookAccountId id, bool forceRefresh, CancellationToken cancellationToken)
    {
        var ahead = RenewAhead + (RenewSpread * Spread(id));
        if (!forceRefresh && await UsableAsync(id, ahead, cancellationToken) is { } usable) return usable;

        var turn = turns.GetOrAdd(id, _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(cancellationToken);
        try
        {
            // Somebody else may have renewed it while we waited.
            var account = await accounts.FindAsync(id, cancellationToken);
            if (account is null) return Refused(OutlookAccountsProblems.Gone);
            var justRenewed = clock.GetUtcNow() - account.RefreshedAt < ForcedPause;
            if ((!forceRefresh || justRenewed) && await UsableAsync(id, ahead, cancellationToken) is { } renewed) return renewed;
            // Not with the caller's token: a renewal that Microsoft has answered must be stored.
            return await RenewAsync(account, CancellationToken.None);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <returns>Null when it has to be renewed.</returns>
    private async Task<AccessTokenResult?> UsableAsync(OutlookAccountId id, TimeSpan ahead, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var account = await accounts.FindAsync(id, cancellationToken);
        if (account is null) return Refused(OutlookAccountsProblems.Gone);
        // Microsoft said no for good: asking again would only count as a loop (AADSTS50196).
        if (account.NeedsSignIn) return Refused(account.Problem ?? OutlookAccountsProblems.SignInNeeded);
        var application = await credentials.ReadAsync(cancellationToken);
        if (!string.Equals(application.ClientId, account.ClientId, StringComparison.OrdinalIgnoreCase)) return Refused(OutlookAccountsProblems.OtherApplication, FaultScope.Application);
        if (account.AccessTokenExpiresAt - ahead <= now)
            return application.Problem is { } problem && application.RetryAt > now ? Refused(problem with { NextTry = application.RetryAt }, FaultScope.Application) : null;
        try
        {
            return await accounts.OpenTokensAsync(id, cancellationToken) is var (access, _) ? new(access, account.AccessTokenExpiresAt, null) : Refused(OutlookAccountsProblems.Gone);
        }
        catch (CryptographicException)
        {
            return Refused(OutlookAccountsProblems.TokensNotReadable);
        }
    }

    private async Task<AccessTokenResult> RenewAsync(OutlookAccount account, CancellationToken cancellationToken)
    {
        if (account.NeedsSignIn) return Refused(account.Problem ?? OutlookAccountsProblems.SignInNeeded);
        var (application, missing) = await credentials.OpenAsync(cancellationToken);
        if (application is null) return Refused(missing!, FaultScope.Application);
        // Microsoft would answer as if the consent had been withdrawn, and a Client ID mistyped for a minute would cost every account its sign-in.
        if (!string.Equals(application.ClientId, account.ClientId, StringComparison.OrdinalIgnoreCase)) return Refused(OutlookAccountsProblems.OtherApplication, FaultScope.Application);
        string refreshToken;
        try
        {
            if (await accounts.OpenTokensAsync(account.Id, cancellationToken) is not var (_, kept)) return Refused(OutlookAccountsProblems.Gone);
            refreshToken = kept;
        }
        catch (CryptographicException)
        {
            return Refused(OutlookAccountsProblems.TokensNotReadable);
        }

        var askedAt = clock.GetUtcNow();
        await using var scope = scopes.CreateAsyncScope();
        var answer = await scope.ServiceProvider.GetRequiredService<EntraClient>().RefreshAsync(authority.Endpoints, application, refreshToken, cancellationToken);
        if (answer.Value is { } tokens)
        {
            await database.WriteAsync(tx =>
            {
                accounts.Refreshed(tx, account.Id, tokens);
                credentials.ClearProblem(tx);
            }, cancellationToken);
            OutlookAccountsLog.Renewed(log, account.Id.Value);
            return new(tokens.AccessToken, clock.GetUtcNow() + tokens.ExpiresIn, null);
        }

        return await RefusedByMicrosoftAsync(account, answer, askedAt, cancellationToken);
    }

    private async Task<AccessTokenResult> RefusedByMicrosoftAsync(OutlookAccount account, EntraResult<TokenAnswer> answer, DateTimeOffset askedAt, CancellationToken cancellationToken)
    {
        var diagnosis = answer.Diagnosis!;
        OutlookAccountsLog.NotRenewed(log, account.Id.Value, diagnosis.Problem.Code, diagnosis.Problem.Detail);
        var problem = await database.WriteAsync<Problem?>(tx =>
        {
            switch (diagnosis.Scope)
            {
                case FaultScope.Application:
                    // One incident for the application; each account stays as good as it was.
                    if (credentials.NoteProblem(tx, diagnosis.Problem, askedAt) is not { } noted) return null;
                    tx.Execute("UPDATE outlook_account SET keep_alive_at = @at WHERE id = @Id", new { at = noted.NextTry!.Value, account.Id });
                    return noted;
                case FaultScope.Account:
                    accounts.NoteProblem(tx, account.Id, diagnosis.Problem, answer.Raw, needsSignIn: true, tx.Now);
                    return diagnosis.Problem;
                default:
                    var retryAt = tx.Now + (diagnosis.NotBefore ?? PassingPause);
                    var passing = diagnosis.Problem with { RetriesByItself = true, NextTry = retryAt };
                    accounts.NoteProblem(tx, account.Id, passing, answer.Raw, needsSignIn: false, retryAt);
                    return passing;
            }
        }, cancellationToken);

        // Somebody entered new credentials while Microsoft was asked with the old ones: its answer says nothing about these.
        if (problem is null) return await RenewAsync(account, cancellationToken);

        // A passing failure ahead of expiry costs nothing: the old token is still good.
        if (diagnosis.Scope == FaultScope.Passing && account.AccessTokenExpiresAt > clock.GetUtcNow() + TimeSpan.FromMinutes(1)
            && await accounts.OpenTokensAsync(account.Id, cancellationToken) is var (access, _)) return new(access, account.AccessTokenExpiresAt, null);
        return Refused(problem, diagnosis.Scope);
    }

    private static AccessTokenResult Refused(Problem problem, FaultScope scope = FaultScope.Account) => new(null, null, problem) { Scope = scope };

    // Stable for each account: chance would renew too early as often as it spreads.
    private static double Spread(OutlookAccountId id) => id.Value.ToByteArray()[15] / 256.0;
}
