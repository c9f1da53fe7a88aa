using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Portal.EnterpriseApplications;

/// <summary>A user or a group that may be assigned to an application.</summary>
/// <param name="Detail">The address of a user, the number of a group's members.</param>
public sealed record Assignable(Guid Id, string Name, string Detail, bool IsGroup)
{
    /// <summary>Groups first, as the portal lists them; a personal directory offers users only.</summary>
    internal static IReadOnlyList<Assignable> Offered(EntraDirectory directory, EntraTenant tenant, string? search) =>
    [
        .. (tenant.OffersGroups ? directory.FindGroups(tenant.Id, search) : []).Select(Of),
        .. directory.FindUsers(tenant.Id, search).Select(Of),
    ];

    /// <returns>Null when there is no such user or group any more.</returns>
    internal static Assignable? Find(EntraDirectory directory, Guid id) =>
        directory.FindUser(id) is { } user ? Of(user) : directory.FindGroup(id) is { } group ? Of(group) : null;

    private static Assignable Of(DirectoryUser user) => new(user.Id, user.DisplayName, user.UserPrincipalName, IsGroup: false);

    private static Assignable Of(DirectoryGroup group) => new(group.Id, group.DisplayName, group.Members.Count == 1 ? "Group, 1 member" : $"Group, {group.Members.Count} members", IsGroup: true);
}

/// <summary>A line of <i>Users and groups</i>.</summary>
public sealed record AssignmentLine(Guid AssignmentId, string Name, bool IsGroup, DateTimeOffset AssignedAt);
