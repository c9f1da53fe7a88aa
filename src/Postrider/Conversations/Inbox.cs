namespace Postrider.Conversations;

public readonly record struct InboxId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>A named place for new conversations: what aliases and incoming servers deliver to.</summary>
/// <param name="Conversations">How many stand in it.</param>
/// <param name="Aliases">How many aliases lead to it, archived ones too.</param>
public sealed record Inbox(InboxId Id, string Name, DateTimeOffset CreatedAt, long Conversations, long Aliases)
{
    public const int MaxNameLength = 100;

    /// <summary>On one line, without blanks at its ends; empty when nothing is left.</summary>
    internal static string Clean(string? name) => ThreadSubject.OneLine(name);
}
