using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Reports;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Which mail a report was about.</summary>
/// <param name="Explanation">How it was known, in one sentence.</param>
internal sealed record NotedReport(OutboxMailId Mail, string Explanation);

/// <summary>The door for reports that come in: bounces, delays, deliveries, complaints. The numbers are those of docs/flows/receive-a-mail.md, step 5a.</summary>
internal sealed class DeliveryReports(DeliveryReportStore store, OutboxStore outbox, SuppressionStore suppressions, IEnumerable<IOutboxListener> listeners, LiveEvents live)
{
    /// <summary>Writes down what a report tells of a mail that was sent from here. The same report twice is as once.</summary>
    /// <returns>Null when it is about no mail of ours, or about nobody that mail went to.</returns>
    public NotedReport? Note(HubTransaction transaction, MailReport report)
    {
        // 1 which mail
        if (Match(transaction, report) is not { } match || outbox.Find(transaction, match.Mail) is not { } mail) return null;

        // 2 which of its recipients
        var recipients = outbox.Recipients(transaction, mail.Id);
        var about = ReportMatch.Of(recipients, report);
        if (about.Count == 0) return null;

        // 3 what is reported of was sent
        if (match.ById && mail.State == OutboxState.Unknown) outbox.Decide(transaction, mail.Id, wasSent: true, null);

        var changed = false;
        foreach (var (recipient, said, named) in about)
        {
            if (RecipientFate.Of(report, said, transaction.Now) is not { } fate || !store.Write(transaction, mail.Id, recipient.N, fate)) continue;
            changed = true;
            // 4 Only a report that knows an id of ours and whom the mail went to may keep an address from getting mail: others anybody can write.
            if (match.ById && (named || fate.Fate == Fate.Complained)) Judge(transaction, mail.Id, EmailAddress.Parse(recipient.Address), fate);
        }

        if (changed) Tell(transaction, mail.Id);
        return new(mail.Id, match.Explanation);
    }

    private void Judge(HubTransaction transaction, OutboxMailId mail, EmailAddress address, RecipientFate fate)
    {
        if (fate.Fate == Fate.Delivered) suppressions.ForgetBounces(transaction, address);
        var counted = SuppressionRule.Counts(fate) ? suppressions.CountBounce(transaction, address, mail, fate.At) : 0;
        if (SuppressionRule.For(fate, counted) is { } reason) suppressions.Add(transaction, address, reason, fate.Diagnostic, mail, null);
    }

    private (OutboxMailId Mail, bool ById, string Explanation)? Match(HubTransaction transaction, MailReport report)
    {
        foreach (var id in report.OriginalIds)
            if (store.ByMessageId(transaction, id) is { } mail) return (mail, true, $"It is a report on <{id}>.");
        if (Guid.TryParse(report.Original?.Header("X-Postrider-Id"), out var number) && store.Exists(transaction, new(number))) return (new(number), true, "It is a report on a mail that was sent from here: the mail that came back bears our X-Postrider-Id.");
        // Without an id: by whom it went to, when only one mail of the last days can be meant.
        if (report.OriginalIds.Count > 0 || report.Kind == ReportKind.Feedback) return null;
        return report.Recipients is [{ } said] && (said.OriginalRecipient ?? said.Recipient) is { } address && store.OnlyRecentTo(transaction, address) is { } only
            ? (only, false, $"It names no message; of the last days' mail only one went to {address}.")
            : null;
    }

    private void Tell(HubTransaction transaction, OutboxMailId id)
    {
        var mail = outbox.Find(transaction, id)!;
        var recipients = outbox.Recipients(transaction, id);
        var fates = store.Fates(transaction, id);
        if (mail.State is OutboxState.Sent or OutboxState.PartlySent)
        {
            store.Explain(transaction, id, OutgoingMailProblems.OfFates([.. recipients.Where(recipient => fates.ContainsKey(recipient.N)).Select(recipient => (recipient.Address, fates[recipient.N]))]) ?? (mail.State == OutboxState.Sent ? null : mail.Problem));
            if (MailFates.Of(recipients.Count(recipient => recipient.State == RecipientState.Sent), [.. fates.Values]) is { } fate)
                foreach (var listener in listeners) listener.Reported(transaction, id, fate);
        }

        transaction.AfterCommit(() =>
        {
            live.Publish("outbox-mail");
            live.Publish($"outbox-mail/{id.Value:D}");
        });
    }
}
