namespace Postrider.Web;

/// <summary>A small part of the start page: how something stands, in real numbers. Each folder registers its own.</summary>
internal interface IStartCard
{
    /// <summary>A Razor component without parameters that renders one <c>card</c>.</summary>
    Type Component { get; }
    int Order { get; }
    bool Shown(ViewerContext context);
}
