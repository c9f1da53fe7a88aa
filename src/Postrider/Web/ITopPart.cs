namespace Postrider.Web;

/// <summary>A small part of the bar on top of every page: what a person wants to be told wherever they are.</summary>
internal interface ITopPart
{
    /// <summary>A Razor component without parameters.</summary>
    Type Component { get; }
    int Order { get; }
}
