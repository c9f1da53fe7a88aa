using Postrider.Web;

namespace Postrider.Users;

/// <summary>A part of Preferences that another folder owns.</summary>
internal interface IPreferencesBlock
{
    int Order { get; }
    /// <summary>Asked on each view: false until what it belongs to is installed.</summary>
    bool Shown(ViewerContext context);
    /// <summary>A Razor component without parameters, with forms of its own.</summary>
    Type Component { get; }
}
