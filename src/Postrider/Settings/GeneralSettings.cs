using Postrider.Web;

namespace Postrider.Settings;

/// <summary>What the page General Settings and its API save.</summary>
internal sealed class GeneralSettings(SystemParameters parameters, IEnumerable<ISettingsBlock> blocks)
{
    public const string CustomEmailServersField = "custom_email_servers";

    public IReadOnlyList<ISettingsBlock> Shown(Viewer viewer) => [.. blocks.Where(block => block.Shown(new ViewerContext(viewer))).OrderBy(block => block.Order)];

    /// <summary>Saves each shown block, then the checkbox; the checkbox only when every block was taken, so that the page and what is stored agree.</summary>
    /// <returns>What was refused, by block. Empty: everything is saved.</returns>
    public async Task<IReadOnlyDictionary<ISettingsBlock, Problem>> SaveAsync(IFormCollection form, Viewer viewer, CancellationToken cancellationToken)
    {
        var custom = form.ContainsKey(CustomEmailServersField);
        var refused = new Dictionary<ISettingsBlock, Problem>();
        foreach (var block in Shown(viewer).Where(block => custom || !block.BelongsToCustomEmailServers))
            if (await block.SaveAsync(form, viewer, cancellationToken) is { } problem) refused[block] = problem;
        if (refused.Count == 0) await SetCustomEmailServersAsync(custom, viewer, cancellationToken);
        return refused;
    }

    public Task<Problem?> SetCustomEmailServersAsync(bool on, Viewer viewer, CancellationToken cancellationToken) =>
        parameters.SetAsync(KnownParameter.CustomEmailServers, on ? "True" : "False", viewer.UserId, cancellationToken);
}
