namespace Postrider.Users;

/// <summary>What a person may do.</summary>
internal enum AccessRight
{
    /// <summary>Composes and answers.</summary>
    User,
    /// <summary>Sets the hub up besides.</summary>
    Settings,
}

/// <summary>Somebody who signs in.</summary>
internal sealed record Person
{
    public required Guid Id { get; init; }
    public required string Name { get; init; }
    /// <summary>As entered; unique without regard to case.</summary>
    public required string Email { get; init; }
    public required AccessRight Access { get; init; }
    /// <summary>Null until the password link has been followed: nobody can sign in as this person.</summary>
    public string? PasswordHash { get; init; }
    /// <summary>IANA name. Null: UTC.</summary>
    public string? TimeZone { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    /// <summary>Null: never.</summary>
    public DateTimeOffset? LastSignInAt { get; init; }

    public bool IsSettings => Access == AccessRight.Settings;
}
