using Postrider.Journal;
using Postrider.Storage;

namespace Postrider.OutlookCredentials;

/// <summary>What lies in the application is mended in General Settings.</summary>
internal sealed class CredentialsReach : IIncidentReach
{
    public int Order => 0;

    public IncidentReach Of(HubReader reader, IncidentCause cause, Guid? creator) =>
        cause.About == IncidentAbout.Application ? IncidentReach.Nothing with { Places = [new(OutlookCredentialsTexts.OpenSettings, "/settings#outlook-credentials")] } : IncidentReach.Nothing;
}
