using Postrider.Journal;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Apps;

/// <summary>Which apps are installed; kept in memory.</summary>
internal sealed class InstalledApps(HubDatabase database, JournalWriter journal, IEnumerable<IAppUse> uses)
{
    public const string MicrosoftOutlook = "microsoft_outlook";

    // Replaced as a whole after each commit.
    private volatile HashSet<string> installed = [];

    /// <param name="name">Technical name: <c>microsoft_outlook</c>.</param>
    public bool IsInstalled(string name) => installed.Contains(name);

    public Task<Problem?> InstallAsync(string name, Guid? byUser, CancellationToken cancellationToken = default) => database.WriteAsync(tx =>
    {
        if (KnownApp.Find(name) is not { } app) return AppsProblems.NotFound;
        if (tx.Execute("INSERT INTO installed_app(name, installed_at, installed_by) VALUES(@name, @at, @byUser) ON CONFLICT(name) DO NOTHING", new { name, at = tx.Now, byUser }) > 0)
            journal.Write(tx, "app-installed", "app", null, $"{app.Title} was installed.", byUser);
        Reload(tx);
        return null;
    }, cancellationToken);

    public async Task<Problem?> UninstallAsync(string name, Guid? byUser, CancellationToken cancellationToken = default)
    {
        if (KnownApp.Find(name) is not { } app) return AppsProblems.NotFound;
        if (app.Always) return AppsProblems.Needed(app, AppsTexts.PartOfTheHubReason);
        return await database.WriteAsync(tx =>
        {
            foreach (var use in uses.Where(use => use.App == name))
                if (use.WhyNeeded(tx) is { } reason) return AppsProblems.Needed(app, reason);
            if (tx.Execute("DELETE FROM installed_app WHERE name = @name", new { name }) > 0)
                journal.Write(tx, "app-uninstalled", "app", null, $"{app.Title} was uninstalled.", byUser);
            Reload(tx);
            return null;
        }, cancellationToken);
    }

    /// <summary>At start, before anything of the hub runs.</summary>
    public Task LoadAsync(CancellationToken cancellationToken) => database.WriteAsync(Reload, cancellationToken);

    private void Reload(HubTransaction transaction)
    {
        var names = transaction.Query<string>("SELECT name FROM installed_app").Concat(KnownApp.All.Where(app => app.Always).Select(app => app.Name)).ToHashSet(StringComparer.Ordinal);
        transaction.AfterCommit(() => installed = names);
    }
}

/// <summary>Keeps an app from being uninstalled while something of it is in use.</summary>
internal interface IAppUse
{
    /// <summary>Technical name of the app.</summary>
    string App { get; }

    /// <returns>Null when nothing is in the way; else one sentence: <c>2 Outlook accounts are connected.</c></returns>
    string? WhyNeeded(HubReader reader);
}
