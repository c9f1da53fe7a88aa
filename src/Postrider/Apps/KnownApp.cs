namespace Postrider.Apps;

/// <summary>An app that can be installed.</summary>
/// <param name="Name">Technical name.</param>
/// <param name="IsApp">An app in the sense of the filter <em>Apps</em>; false: an addition to another, shown only without the filter.</param>
/// <param name="Always">Part of the hub: installed from the start, and stays.</param>
internal sealed record KnownApp(string Name, string Title, string Summary, string Icon, bool IsApp, bool Always)
{
    public static IReadOnlyList<KnownApp> All { get; } =
    [
        new("mail", "Discuss", "Conversations by e-mail: write, receive, answer.", "messages", IsApp: true, Always: true),
        new(InstalledApps.MicrosoftOutlook, "Microsoft Outlook", "Send and receive through mailboxes in Microsoft 365 and Outlook.com, with OAuth.", "brand-office", IsApp: false, Always: false),
    ];

    public static KnownApp? Find(string name) => All.FirstOrDefault(app => app.Name == name);
}
