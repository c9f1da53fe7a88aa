namespace Postrider.Web;

/// <summary>Names of access rights, for <c>[Authorize(Policy = ...)]</c> on pages and <c>RequireAuthorization</c> on the API. Users grants them.</summary>
internal static class Policies
{
    /// <summary>Anybody who is signed in, or an API key.</summary>
    public const string SignedIn = "signed-in";

    /// <summary>The right <em>Settings</em>: an administrator of the hub.</summary>
    public const string Settings = "settings";
}
