using Postrider.Apps;
using Postrider.Web;

namespace Postrider.OutlookCredentials;

/// <summary>The credentials without the secret.</summary>
internal sealed record OutlookCredentialsAnswer(string ClientId, bool SecretIsSet, DateOnly? ExpiresOn, DateTimeOffset? SecretAddedAt, Uri RedirectUri, Problem? Problem);

/// <param name="ClientSecret">Null or empty: the stored one stays.</param>
/// <param name="ExpiresOn">yyyy-MM-dd; null: not noted.</param>
internal sealed record OutlookCredentialsRequest(string? ClientId, string? ClientSecret, string? ExpiresOn);

internal static class OutlookCredentialsApi
{
    public static void MapOutlookCredentials(this WebApplication app)
    {
        var group = app.MapGroup("/api/v1/outlook/credentials").RequireAuthorization(Policies.Settings).WithTags("Outlook");
        group.MapGet("", async (OutlookCredentialStore store, CancellationToken cancel) => Results.Ok(Answer(await store.ReadAsync(cancel), store)));
        group.MapPut("", async (OutlookCredentialsRequest request, OutlookCredentialStore store, InstalledApps apps, Viewer viewer, CancellationToken cancel) =>
        {
            if (!apps.IsInstalled(InstalledApps.MicrosoftOutlook)) return Problems.ToResult(OutlookCredentialsProblems.NotInstalled, StatusCodes.Status409Conflict);
            return await store.SaveAsync(request.ClientId, request.ClientSecret, request.ExpiresOn, viewer.UserId, cancel) is { } problem
                ? Problems.ToResult(problem, StatusCodes.Status422UnprocessableEntity)
                : Results.Ok(Answer(await store.ReadAsync(cancel), store));
        });
    }

    private static OutlookCredentialsAnswer Answer(OutlookApplication application, OutlookCredentialStore store) =>
        new(application.ClientId, application.SecretIsSet, application.ExpiresOn, application.SecretAddedAt, store.RedirectUri, application.Problem);
}
