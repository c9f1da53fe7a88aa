using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Postrider.Entra;
using Postrider.Journal;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutlookCredentials;

/// <summary>The Azure application's id and secret.</summary>
internal sealed class OutlookCredentialStore(HubDatabase database, IDataProtectionProvider protection, JournalWriter journal, IncidentStore incidents, SystemParameters parameters, TimeProvider clock)
{
    // The answer changes only when somebody acts, and acting in General Settings ends the wait. As long as a server's longest pause: what is mended in the portal takes effect by itself.
    private static readonly TimeSpan AskAgain = TimeSpan.FromMinutes(10);

    /// <summary>What is registered in the Azure portal, under the platform Web, to the letter.</summary>
    public Uri RedirectUri => new(parameters.BaseUrl, "/microsoft_outlook/confirm");

    public Task<OutlookApplication> ReadAsync(CancellationToken cancellationToken = default) => database.ReadAsync(Read, cancellationToken);

    public OutlookApplication Read(HubReader reader)
    {
        var row = reader.QueryFirstOrDefault<Row>(
            "SELECT a.client_id, a.problem, a.retry_at, s.expires_on, s.added_at FROM outlook_application a LEFT JOIN outlook_client_secret s ON s.id = (SELECT id FROM outlook_client_secret ORDER BY added_at DESC, id DESC LIMIT 1)");
        if (row is null) return new OutlookApplication();
        return new OutlookApplication
        {
            ClientId = row.ClientId,
            SecretIsSet = row.AddedAt is not null,
            ExpiresOn = CredentialRules.DayOf(row.ExpiresOn),
            SecretAddedAt = row.AddedAt,
            Problem = row.Problem is null ? null : JsonSerializer.Deserialize<Problem>(row.Problem),
            RetryAt = row.RetryAt,
        };
    }

    /// <summary>Id and secret in the open, for a request to Microsoft.</summary>
    public async Task<(ApplicationCredential? Credential, Problem? Problem)> OpenAsync(CancellationToken cancellationToken = default)
    {
        var row = await database.ReadAsync(reader => reader.QueryFirstOrDefault<SealedRow>(
            "SELECT a.client_id, s.id, s.sealed FROM outlook_application a JOIN outlook_client_secret s ON 1 = 1 ORDER BY s.added_at DESC, s.id DESC LIMIT 1"), cancellationToken);
        if (row is null) return (null, OutlookCredentialsProblems.NotEntered);
        try
        {
            return (new ApplicationCredential(row.ClientId, Encoding.UTF8.GetString(Protector(row.Id).Unprotect(row.Sealed))), null);
        }
        catch (CryptographicException)
        {
            return (null, OutlookCredentialsProblems.NotReadable);
        }
    }

    /// <summary>Stores what was entered. An empty secret leaves the stored one; its day may still change.</summary>
    /// <returns>Null when it is stored.</returns>
    public async Task<Problem?> SaveAsync(string? clientId, string? secret, string? expiresOn, Guid? byUser, CancellationToken cancellationToken = default)
    {
        var (id, value) = (clientId?.Trim().ToLowerInvariant() ?? "", secret?.Trim());
        var before = await ReadAsync(cancellationToken);
        // A new application cannot have the old one's secret.
        var secretStays = before.SecretIsSet && string.Equals(before.ClientId, id, StringComparison.OrdinalIgnoreCase);
        if (CredentialRules.Check(id, value, expiresOn, secretStays) is { } problem) return problem;
        var dayText = CredentialRules.DayOf(expiresOn)?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

        var secretId = Ids.New(clock);
        var sealedSecret = string.IsNullOrEmpty(value) ? null : Protector(secretId).Protect(Encoding.UTF8.GetBytes(value));
        await database.WriteAsync(tx =>
        {
            // Whatever was wrong is judged anew with what has just been entered.
            tx.Execute(
                """
                INSERT INTO outlook_application(only_row, client_id, changed_at, changed_by) VALUES(1, @id, @at, @byUser)
                ON CONFLICT(only_row) DO UPDATE SET client_id = excluded.client_id, changed_at = excluded.changed_at, changed_by = excluded.changed_by, problem = NULL, problem_at = NULL, retry_at = NULL
                """, new { id, at = tx.Now, byUser });
            if (sealedSecret is not null)
            {
                tx.Execute("DELETE FROM outlook_client_secret");
                tx.Execute("INSERT INTO outlook_client_secret(id, sealed, expires_on, added_at, added_by) VALUES(@secretId, @sealedSecret, @dayText, @at, @byUser)", new { secretId, sealedSecret, dayText, at = tx.Now, byUser });
            }
            else
            {
                tx.Execute("UPDATE outlook_client_secret SET expires_on = @dayText", new { dayText });
            }

            // Whatever rested for them is tried at once.
            incidents.EndAbout(tx, IncidentAbout.Application, null, IncidentEnd.Change, byUser);
            journal.Write(tx, "outlook-credentials-saved", "outlook-credentials", null, sealedSecret is null ? "The Outlook Credentials were saved." : "The Outlook Credentials were saved with a new client secret.", byUser);
        }, cancellationToken);
        return null;
    }

    /// <summary>Notes what stops the whole application. The journal hears of it once, not at each attempt.</summary>
    /// <param name="askedAt">When Microsoft was asked.</param>
    /// <returns>The problem with the time of the next try; null when other credentials have been saved since it was asked.</returns>
    public Problem? NoteProblem(HubTransaction transaction, Problem problem, DateTimeOffset askedAt)
    {
        if (transaction.QueryFirstOrDefault<Row>("SELECT client_id, problem, changed_at FROM outlook_application") is not { } before || before.ChangedAt > askedAt) return null;
        var retryAt = transaction.Now + AskAgain;
        var noted = problem with { RetriesByItself = true, NextTry = retryAt };
        transaction.Execute("UPDATE outlook_application SET problem = @json, problem_at = COALESCE(problem_at, @now), retry_at = @retryAt",
            new { json = JsonSerializer.Serialize(noted), now = transaction.Now, retryAt });
        incidents.Open(transaction, new(IncidentAbout.Application, before.ClientId, problem.Code), noted);
        if (before.Problem is null || JsonSerializer.Deserialize<Problem>(before.Problem)?.Code != problem.Code)
            journal.Write(transaction, problem.Code, "outlook-credentials", null, problem.What + " " + problem.Remedy, null);
        return noted;
    }

    public void ClearProblem(HubTransaction transaction)
    {
        if (transaction.QueryFirstOrDefault<Row>("UPDATE outlook_application SET problem = NULL, problem_at = NULL, retry_at = NULL WHERE problem IS NOT NULL RETURNING client_id") is not { } mended) return;
        incidents.EndAbout(transaction, IncidentAbout.Application, mended.ClientId, IncidentEnd.ByItself, null);
        journal.Write(transaction, "outlook-credentials-work-again", "outlook-credentials", null, "Microsoft accepts the Outlook Credentials again.", null);
    }

    private IDataProtector Protector(Guid secretId) => protection.CreateProtector("outlook_client_secret", "sealed", secretId.ToString("D"));

    private sealed record Row
    {
        public string ClientId { get; init; } = "";
        public string? Problem { get; init; }
        public DateTimeOffset? RetryAt { get; init; }
        public string? ExpiresOn { get; init; }
        public DateTimeOffset? AddedAt { get; init; }
        public DateTimeOffset ChangedAt { get; init; }
    }

    private sealed record SealedRow
    {
        public string ClientId { get; init; } = "";
        public Guid Id { get; init; }
        public byte[] Sealed { get; init; } = [];
    }
}
