using Postrider.Apps;
using Postrider.Settings;
using Postrider.Web;

namespace Postrider.OutlookCredentials;

/// <summary><em>Outlook Credentials</em> in General Settings, section Discuss.</summary>
internal sealed class OutlookCredentialsBlock(OutlookCredentialStore store, InstalledApps apps) : ISettingsBlock
{
    public const string ClientIdField = "outlook.client_id";
    public const string ClientSecretField = "outlook.client_secret";
    public const string ExpiresOnField = "outlook.expires_on";

    public string Section => "Discuss";
    public int Order => 20;
    public bool BelongsToCustomEmailServers => true;
    public Type Component => typeof(OutlookCredentialsFields);

    public bool Shown(ViewerContext context) => apps.IsInstalled(InstalledApps.MicrosoftOutlook);

    public async Task<Problem?> SaveAsync(IFormCollection form, Viewer viewer, CancellationToken cancellationToken)
    {
        // Custom Email Servers has just been checked: the block was not on the page yet, and there is nothing to save.
        if (!form.ContainsKey(ClientIdField)) return null;
        string? clientId = form[ClientIdField], secret = form[ClientSecretField], expiresOn = form[ExpiresOnField];
        var before = await store.ReadAsync(cancellationToken);
        // Saving other settings before the credentials are known is no mistake.
        if (string.IsNullOrWhiteSpace(clientId) && string.IsNullOrWhiteSpace(secret) && before.ClientId.Length == 0) return null;
        return await store.SaveAsync(clientId, secret, expiresOn, viewer.UserId, cancellationToken);
    }
}
