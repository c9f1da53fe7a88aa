namespace Postrider.Web;

/// <summary>One line of the navigation. Each folder registers its own.</summary>
internal interface IMenuEntry
{
    /// <summary><c>Discuss</c>, <c>Apps</c>, <c>Settings</c> or <c>Technical</c> (the last only in developer mode).</summary>
    string Section { get; }
    /// <summary>A heading within the section: <c>Email</c>, <c>Parameters</c>. Null: none.</summary>
    string? Group => null;
    string Text { get; }
    /// <summary>From the root of the hub, with its leading slash.</summary>
    string Href { get; }
    /// <summary>Of a symbol in the icon sprite: <c>mail</c>. Null: none.</summary>
    string? Icon => null;
    int Order { get; }
    bool Shown(ViewerContext context);
}

/// <summary>What decides whether a line is shown.</summary>
internal sealed record ViewerContext(Viewer Viewer);
