using Postrider.Storage;

namespace Postrider.Conversations;

/// <summary>A message that somebody is writing, as entered: nothing in it has been checked.</summary>
/// <param name="Conversation">That it answers; null: it would begin one.</param>
/// <param name="OnceKey">Of its form: whatever is sent with it is sent once.</param>
/// <param name="WithQuote">What is answered is quoted below the text.</param>
internal sealed record KeptDraft(Guid Id, ConversationId? Conversation, string OnceKey, string? To, string? Cc, string? Bcc, string? Subject, string? Text, bool WithQuote, DateTimeOffset SavedAt, IReadOnlyList<DraftFile> Files)
{
    /// <summary>Of the conversation it answers; null for a new message.</summary>
    public string? ConversationSubject { get; init; }
}

/// <param name="Body">Its bytes.</param>
public sealed record DraftFile(Guid Id, string FileName, string MediaType, StoredBody Body);
