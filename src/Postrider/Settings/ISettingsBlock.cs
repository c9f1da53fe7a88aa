using Postrider.Web;

namespace Postrider.Settings;

/// <summary>A part of General Settings that another folder owns. All blocks are rendered inside the page's one form and saved with it.</summary>
internal interface ISettingsBlock
{
    /// <summary>Heading of the section: <c>Discuss</c>.</summary>
    string Section { get; }
    int Order { get; }
    /// <summary>Shown only while <em>Custom Email Servers</em> is checked.</summary>
    bool BelongsToCustomEmailServers { get; }
    /// <summary>Asked on each view and each save: false until the app it belongs to is installed.</summary>
    bool Shown(ViewerContext context);
    /// <summary>A Razor component. It renders fields, not a form, and gets the parameters of <see cref="SettingsBlockParameters"/>.</summary>
    Type Component { get; }
    /// <summary>Called with the whole posted form when <em>Save</em> is pressed and the block was shown. Fields it did not render are absent.</summary>
    /// <returns>Null when it is stored; else the page shows the problem beside the block, with what was entered.</returns>
    Task<Problem?> SaveAsync(IFormCollection form, Viewer viewer, CancellationToken cancellationToken);
}

/// <summary>Names of the parameters each block's component declares.</summary>
internal static class SettingsBlockParameters
{
    /// <summary><c>IFormCollection?</c>: what was entered when a save was refused; null on a plain view.</summary>
    public const string Entered = nameof(Entered);
    /// <summary><c>Problem?</c>: why this block was not saved.</summary>
    public const string Problem = nameof(Problem);
}
