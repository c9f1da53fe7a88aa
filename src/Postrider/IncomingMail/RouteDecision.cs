using Postrider.Conversations;
using Postrider.Mail.Reports;

namespace Postrider.IncomingMail;

/// <summary>A message of the store that a received mail names, or that bears the same Message-ID.</summary>
/// <param name="HeaderId">The Message-ID by which it was found.</param>
/// <param name="SentFrom">Normalised address it left with, where a server replaced the author's; else null.</param>
/// <param name="Recipients">Normalised addresses it was sent to.</param>
/// <param name="SenderTakesPart">The sender of the received mail is a participant of its conversation.</param>
internal sealed record KnownMessage(
    ThreadMessageId Message,
    ConversationId Conversation,
    string HeaderId,
    MessageDirection Direction,
    string AuthorNormalized,
    string? SentFrom,
    IReadOnlySet<string> Recipients,
    byte[]? Fingerprint,
    bool SenderTakesPart);

/// <summary>Where a received mail belongs, and why.</summary>
internal abstract record Route(string Explanation)
{
    /// <summary>An answer: joins the conversation.</summary>
    public sealed record Reply(ConversationId Conversation, string Explanation) : Route(Explanation);
    /// <summary>A conversation of its own.</summary>
    public sealed record New(string Explanation) : Route(Explanation);
    /// <summary>A report on a mail of ours. <paramref name="Verified"/>: it names a recipient that mail really had.</summary>
    public sealed record Report(KnownMessage About, bool Verified, string Explanation) : Route(Explanation);
    /// <summary>The same message came before, perhaps through another mailbox.</summary>
    public sealed record Duplicate(KnownMessage Of, string Explanation) : Route(Explanation);
    /// <summary>A mail of ours that came back to us.</summary>
    public sealed record OwnCopy(KnownMessage Of, string Explanation) : Route(Explanation);
    /// <summary>A person has to look at it.</summary>
    public sealed record Quarantine(string ProblemCode, string Explanation) : Route(Explanation);
}

/// <summary>Decides where a received mail belongs.</summary>
internal static class RouteDecision
{
    /// <param name="known">What the store knows under any of the Message-IDs the mail bears or names; each pair of message and id once.</param>
    public static Route For(ReceivedMail mail, IReadOnlyList<KnownMessage> known)
    {
        foreach (var same in known)
        {
            if (!Bears(mail, same.HeaderId)) continue;
            if (same.Direction == MessageDirection.Outgoing)
            {
                // Whoever learnt our Message-ID could make a mail vanish as "ours", so the author must be ours too.
                if (mail.Sender?.Address.Normalized is { } sentBy && (sentBy == same.AuthorNormalized || sentBy == same.SentFrom)) return new Route.OwnCopy(same, "It bears the Message-ID of a mail that was sent from here.");
            }
            // A Message-ID alone proves nothing: only the same content makes it a second copy (IMP-12).
            else if (same.Fingerprint is { } fingerprint && fingerprint.AsSpan().SequenceEqual(mail.Fingerprint)) return new Route.Duplicate(same, "The same message came before: Message-ID, sender, subject and body are equal.");
        }

        if (mail.Report is { } report) return ForReport(report, known);

        if (mail.Sender is not { } sender) return new Route.Quarantine(IncomingMailProblems.NoSender, "Its From field holds no address that can be read.");

        string? refused = null;
        foreach (var id in mail.Answers)
        {
            foreach (var answered in known)
            {
                if (answered.HeaderId != id) continue;
                if (answered.SenderTakesPart) return new Route.Reply(answered.Conversation, $"It answers <{id}>, and {sender.Address} takes part in that conversation.");
                if (answered.Direction == MessageDirection.Outgoing && answered.Recipients.Contains(sender.Address.Normalized)) return new Route.Reply(answered.Conversation, $"It answers <{id}>, which was sent to {sender.Address}.");
                refused ??= id;
            }
        }
        if (refused is not null) return new Route.New($"It names <{refused}>, but {sender.Address} takes no part in that conversation.");
        return new Route.New(mail.Answers.Count == 0 ? "It answers no message." : "It answers a message that is not known here.");
    }

    private static Route ForReport(MailReport report, IReadOnlyList<KnownMessage> known)
    {
        foreach (var id in report.OriginalIds)
        {
            foreach (var about in known)
            {
                if (about.HeaderId != id || about.Direction != MessageDirection.Outgoing) continue;
                var verified = report.Recipients.Any(r => r.Recipient is { } address && about.Recipients.Contains(address.Normalized));
                return new Route.Report(about, verified, verified
                    ? $"It is a delivery report on <{id}>."
                    : $"It says it is a delivery report on <{id}>, but names no recipient of that mail: unverified.");
            }
        }
        return new Route.Quarantine(IncomingMailProblems.ReportOnUnknownMail, "It is a delivery report, but on no mail that was sent from a conversation.");
    }

    private static bool Bears(ReceivedMail mail, string headerId) => mail.MessageId == headerId || mail.OriginalMessageId == headerId;
}
