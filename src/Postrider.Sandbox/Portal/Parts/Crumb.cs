namespace Postrider.Sandbox.Portal.Parts;

/// <summary>One step of the line above a page's title.</summary>
public sealed record Crumb(string Text, string Href)
{
    public static Crumb Home { get; } = new("Home", "/");
}
