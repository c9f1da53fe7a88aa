namespace Postrider.Conversations;

internal static class Initials
{
    /// <summary>At most two letters for a person's avatar.</summary>
    public static string Of(string name) =>
        string.Concat(name.Split([' ', '.', '-', '_'], StringSplitOptions.RemoveEmptyEntries).Where(word => char.IsLetterOrDigit(word[0])).Take(2).Select(word => char.ToUpperInvariant(word[0])));
}
