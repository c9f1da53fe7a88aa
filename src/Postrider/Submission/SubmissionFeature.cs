using Postrider.Web;

namespace Postrider.Submission;

internal static class SubmissionFeature
{
    public static IServiceCollection AddSubmission(this IServiceCollection services, SubmissionAddresses addresses)
    {
        services.AddSingleton(addresses);
        services.AddSingleton<SubmissionHistory>();
        services.AddSingleton<SubmissionBackend>();
        services.AddSingleton<SubmissionListener>();
        services.AddHostedService(provider => provider.GetRequiredService<SubmissionListener>());
        services.AddSingleton<IMenuEntry, SubmissionMenuEntry>();
        return services;
    }

    private sealed class SubmissionMenuEntry : IMenuEntry
    {
        public string Section => "Technical";
        public string Group => "Email";
        public string Text => SubmissionTexts.Title;
        public string Href => "/submission";
        public string Icon => "plug";
        public int Order => 40;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }
}
