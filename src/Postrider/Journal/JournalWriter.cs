using Postrider.Storage;

namespace Postrider.Journal;

/// <summary>Writes what happened, in the transaction in which it happens.</summary>
internal sealed class JournalWriter(TimeProvider clock, LiveEvents live)
{
    /// <param name="kind">Stable word for programs: <c>parameter-changed</c>.</param>
    /// <param name="subject">What it happened to, in the words of the tables: <c>outgoing-server</c>.</param>
    /// <param name="text">One sentence for people, without secrets.</param>
    /// <param name="byUser">Null: the hub itself.</param>
    public void Write(HubTransaction transaction, string kind, string subject, Guid? subjectId, string text, Guid? byUser)
    {
        transaction.ExecuteLater(
            "INSERT INTO journal_event(id, at, kind, subject, subject_id, text, by_user) VALUES(@id, @at, @kind, @subject, @subjectId, @text, @byUser)",
            new { id = Ids.New(clock), at = transaction.Now, kind, subject, subjectId, text, byUser });
        transaction.AfterCommit(() => live.Publish(subject));
    }
}
