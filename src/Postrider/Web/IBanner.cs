namespace Postrider.Web;

/// <summary>Something every page says above its content while it is so. Its component decides, and renders nothing when there is nothing to say.</summary>
internal interface IBanner
{
    /// <summary>A Razor component without parameters.</summary>
    Type Component { get; }
    int Order { get; }
}
