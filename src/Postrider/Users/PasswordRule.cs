namespace Postrider.Users;

/// <summary>Length is what makes a password hard to guess (NIST SP 800-63B section 3.1.1.2): 12 characters, any of them, and not what everybody knows.</summary>
internal static class PasswordRule
{
    public const int MinLength = 12;
    /// <summary>Hashing is slow on purpose; it must not be asked to hash a megabyte.</summary>
    public const int MaxLength = 200;

    /// <returns>True when it may be used by the person with this name and address.</returns>
    public static bool Admits(string password, string name, string email)
    {
        if (password.Length is < MinLength or > MaxLength) return false;
        if (password.Distinct().Count() < 5) return false;
        return !password.Equals(email, StringComparison.OrdinalIgnoreCase) && !password.Equals(name, StringComparison.OrdinalIgnoreCase);
    }
}
