namespace Postrider.Sandbox.Directories;

/// <summary>A delegated permission that an application may declare.</summary>
/// <param name="Id">Microsoft Graph's id of it.</param>
/// <param name="Name">As in scopes, such as <c>SMTP.Send</c>.</param>
/// <param name="Group">The heading under which the portal lists it.</param>
/// <param name="Description">For the portal's list.</param>
/// <param name="Consent">What the consent page says the application may do; for permissions that show nothing there, null.</param>
/// <param name="AdminConsentRequired">A user cannot consent to it alone.</param>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "Entra's own noun")]
public sealed record ApiPermission(Guid Id, string Name, string Group, string Description, string? Consent, bool AdminConsentRequired);

/// <summary>The delegated permissions of Microsoft Graph that the sandbox knows. Ids: Microsoft: "Microsoft Graph permissions reference", read 2026-11.</summary>
public static class PermissionCatalog
{
    /// <summary>Microsoft Graph's application id in every tenant.</summary>
    public static readonly Guid GraphAppId = Guid.Parse("00000003-0000-0000-c000-000000000000");

    public static IReadOnlyList<ApiPermission> All { get; } =
    [
        New("37f7f235-527c-4136-accd-4a02d197296e", "openid", "OpenId permissions", "Sign users in", null),
        New("14dad69e-099b-42c9-810b-d002981feec1", "profile", "OpenId permissions", "View users' basic profile", "View your basic profile"),
        New("64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", "email", "OpenId permissions", "View users' email address", "View your email address"),
        New("7427e0e9-2fba-42fe-b0c0-848c9e6a8182", "offline_access", "OpenId permissions", "Maintain access to data you have given it access to", "Maintain access to data you have given it access to"),
        New("bdfbf15f-ee85-4955-8675-146e8e5296b5", "Application.ReadWrite.All", "Application", "Read and write all applications", "Read and write applications", admin: true),
        New("c79f8feb-a9db-4090-85f9-90d820caa0eb", "Application.Read.All", "Application", "Read applications", "Read applications", admin: true),
        New("84bccea3-f856-4a8a-967b-dbe0a3d53a64", "AppRoleAssignment.ReadWrite.All", "AppRoleAssignment", "Manage app permission grants and app role assignments", "Manage app permission grants and app role assignments", admin: true),
        New("41ce6ca6-6826-4807-84f1-1c82854f7ee5", "DelegatedPermissionGrant.ReadWrite.All", "DelegatedPermissionGrant", "Manage all delegated permission grants", "Manage all delegated permission grants", admin: true),
        New("06da0dbc-49e2-44d2-8312-53f166ab848a", "Directory.Read.All", "Directory", "Read directory data", "Read directory data", admin: true),
        New("652390e4-393a-48de-9484-05f9b1212954", "IMAP.AccessAsUser.All", "IMAP", "Read and write access to mailboxes via IMAP", "Read and write access to your mail"),
        New("570282fd-fa5c-430d-a7fd-fc8dc98a9dca", "Mail.Read", "Mail", "Read user mail", "Read your mail"),
        New("024d486e-b451-40bb-833d-3e66d98c5c73", "Mail.ReadWrite", "Mail", "Read and write access to user mail", "Read and write access to your mail"),
        New("e383f46e-2787-4529-855e-0e479a3ffac0", "Mail.Send", "Mail", "Send mail as a user", "Send mail as you"),
        New("d7b7f2d9-0f45-4ea1-9d42-e50810c06991", "POP.AccessAsUser.All", "POP", "Read and write access to mailboxes via POP", "Read and write access to your mail via POP"),
        New("258f6531-6087-4cc4-bb90-092c5fb3ed3f", "SMTP.Send", "SMTP", "Send emails from mailboxes using SMTP AUTH", "Send emails from your mailbox using SMTP AUTH"),
        New("e1fe6dd8-ba31-4d61-89e7-88639da4683d", "User.Read", "User", "Sign in and read user profile", "Sign you in and read your profile"),
    ];

    /// <summary>Names are compared as Entra does: without case.</summary>
    public static ApiPermission? Find(string name) => All.FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Those whose name or description contains <paramref name="text"/>; all when it is empty.</summary>
    public static IReadOnlyList<ApiPermission> Search(string? text) => string.IsNullOrWhiteSpace(text)
        ? All
        : [.. All.Where(p => p.Name.Contains(text.Trim(), StringComparison.OrdinalIgnoreCase) || p.Description.Contains(text.Trim(), StringComparison.OrdinalIgnoreCase))];

    private static ApiPermission New(string id, string name, string group, string description, string? consent, bool admin = false) =>
        new(Guid.Parse(id), name, group, description, consent, admin);
}
