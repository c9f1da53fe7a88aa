namespace Postrider.Apps;

/// <summary>An app that can be installed.</summary>
/// <param name="Name">Technical name.</param>
/// <param name="IsApp">An app in the sense of the filter <em>Apps</em>; false: an addition to another, shown only without the filter.</param>
/// <param name="Always">Part of the hub: installed from the start, and stays.</param>
internal sealed record KnownApp(string Name, string Title, string Summary, string Icon, bool IsApp, bool Always)
{
    public static IReadOnlyList<KnownApp> All { get; } =
    [
        new("mail", "Discuss", AppsTexts.DiscussSummary, "messages", IsApp: true, Always: true),
        new(InstalledApps.MicrosoftOutlook, "Microsoft Outlook", AppsTexts.OutlookSummary, "brand-office", IsApp: false, Always: false),
    ];

    /// <param name="search">In title, summary and technical name. Null or blank: all.</param>
    /// <param name="appsOnly">The filter <em>Apps</em>.</param>
    public static IReadOnlyList<KnownApp> Search(string? search, bool appsOnly) => [.. All.Where(app => (app.IsApp || !appsOnly) && app.Matches(search?.Trim() ?? ""))];

    private bool Matches(string words) =>
        Title.Contains(words, StringComparison.OrdinalIgnoreCase) || Summary.Contains(words, StringComparison.OrdinalIgnoreCase) || Name.Contains(words, StringComparison.OrdinalIgnoreCase);

    public static KnownApp? Find(string name) => All.FirstOrDefault(app => app.Name == name);
}
