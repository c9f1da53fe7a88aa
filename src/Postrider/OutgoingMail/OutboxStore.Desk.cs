using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>What people do to a mail. Each answers null when done, else why not.</summary>
internal sealed partial class OutboxStore
{
    /// <summary>Tries again what was refused or given up, and what is suppressed no longer: the claim looks.</summary>
    public Problem? Retry(HubTransaction transaction, OutboxMailId id, Guid? byUser) => Change(transaction, id, byUser, "mail-retried", "was set to be sent again",
        mail => mail.State is OutboxState.Refused or OutboxState.Failed or OutboxState.PartlySent or OutboxState.Waiting,
        mail =>
        {
            transaction.Execute("UPDATE outbox_recipient SET state = 0 WHERE mail_id = @id AND state IN (@refused, @failed, @suppressed)", new { id, refused = (int)RecipientState.Refused, failed = (int)RecipientState.Failed, suppressed = (int)RecipientState.Suppressed });
            // A new life: the first "later" would end what has outlived its time at once. Who was told of the failure hears of the next one too.
            if (mail.State.IsFinal()) transaction.Execute("UPDATE outbox_mail SET life_from = @now, delay_told_at = NULL, failure_told_at = NULL WHERE id = @id", new { id, now = transaction.Now });
            return OutboxState.Waiting;
        });

    /// <summary>Now instead of later, even when its server rests.</summary>
    public Problem? SendNow(HubTransaction transaction, OutboxMailId id, Guid? byUser) => Change(transaction, id, byUser, "mail-sent-now", "was set to be sent now",
        mail => mail.State is OutboxState.Waiting or OutboxState.Scheduled,
        mail =>
        {
            servers.EndPause(transaction, mail.ServerId);
            if (mail.State == OutboxState.Scheduled) transaction.Execute("UPDATE outbox_mail SET life_from = @now WHERE id = @id", new { id, now = transaction.Now });
            return OutboxState.Waiting;
        });

    /// <summary>Either cancelled or sent, never both: only what no attempt holds can be cancelled.</summary>
    public Problem? Cancel(HubTransaction transaction, OutboxMailId id, Guid? byUser) => Change(transaction, id, byUser, "mail-cancelled", "was cancelled",
        mail => mail.State is OutboxState.Waiting or OutboxState.Scheduled,
        mail =>
        {
            transaction.Execute("UPDATE outbox_recipient SET state = @cancelled, settled_at = @now WHERE mail_id = @id AND state = 0", new { id, cancelled = (int)RecipientState.Cancelled, now = transaction.Now });
            return StateByRecipients(transaction, id);
        });

    /// <summary>A person looked and decides what became of an unknown mail.</summary>
    public Problem? Decide(HubTransaction transaction, OutboxMailId id, bool wasSent, Guid? byUser) => Change(transaction, id, byUser, "mail-decided", wasSent ? "was found to have been sent" : "was found not to have been sent, and is sent again",
        mail => mail.State == OutboxState.Unknown,
        mail =>
        {
            transaction.Execute("UPDATE outbox_recipient SET state = @next, settled_at = @now WHERE mail_id = @id AND state = @unknown",
                new { id, next = (int)(wasSent ? RecipientState.Sent : RecipientState.Pending), now = transaction.Now, unknown = (int)RecipientState.Unknown });
            return StateByRecipients(transaction, id);
        });

    private Problem? Change(HubTransaction transaction, OutboxMailId id, Guid? byUser, string kind, string what, Func<OutboxMail, bool> allowed, Func<OutboxMail, OutboxState> change)
    {
        if (Find(transaction, id) is not { } mail) return OutgoingMailProblems.NotFound;
        if (!allowed(mail)) return OutgoingMailProblems.NotNow(mail.State.Word());
        var state = change(mail);
        WriteState(transaction, id, state, transaction.Now, mail.Tries, state is OutboxState.Waiting or OutboxState.Sent ? null : mail.Problem);
        journal.Write(transaction, kind, "outbox-mail", id.Value, $"“{mail.Subject}” {what}.", byUser);
        return null;
    }
}
