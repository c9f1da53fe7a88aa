using Postrider.Apps;
using Postrider.Journal;
using Postrider.Storage;

namespace Postrider.OutlookCredentials;

/// <summary>What lies in the application is mended in General Settings.</summary>
internal sealed class CredentialsReach : IIncidentReach
{
    public int Order => 0;

    public IncidentReach Of(HubReader reader, IncidentCause cause, Guid? creator) =>
        cause.About == IncidentAbout.Application ? IncidentReach.Nothing with { Places = [Settings] } : IncidentReach.Nothing;

    public static IncidentPlace Settings => new(OutlookCredentialsTexts.OpenSettings, "/settings#outlook-credentials");
}

/// <summary>The client secret ends on the day that was noted.</summary>
internal sealed class SecretEnding(OutlookCredentialStore store, InstalledApps apps) : IEndings
{
    public IEnumerable<Ending> Of(HubReader reader)
    {
        // Nobody knows the hour, so it is told of as if it were the first of that day.
        if (!apps.IsInstalled(InstalledApps.MicrosoftOutlook) || store.Read(reader) is not { SecretIsSet: true, ExpiresOn: { } day } application || OutlookCredentialsProblems.ExpiryWarning(day, reader.Now) is not { } problem) yield break;
        yield return new($"outlook-secret:{application.ClientId}", OutlookCredentialsTexts.SecretNamed, new(day, TimeOnly.MinValue, TimeSpan.Zero), CredentialRules.LifeOf(day, reader.Now) == SecretLife.Ended, problem, CredentialsReach.Settings);
    }
}
