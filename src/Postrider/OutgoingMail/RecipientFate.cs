using Postrider.Mail.Reports;

namespace Postrider.OutgoingMail;

/// <summary>What became of a mail for a recipient after the server had taken it. The numbers are stored; a later one outranks those before it.</summary>
internal enum Fate
{
    Delayed = 0,
    /// <summary>Handed on to where nobody reports from, or to the members of a list.</summary>
    Relayed = 1,
    Delivered = 2,
    /// <summary>It did not arrive.</summary>
    Bounced = 3,
    /// <summary>It arrived, and the recipient complained.</summary>
    Complained = 4,
}

/// <param name="Permanent">Of a bounce: trying again is of no use (a hard bounce).</param>
/// <param name="Status">Such as <c>5.1.1</c>; null when the report has none.</param>
/// <param name="Diagnostic">The server's words; null when the report has none.</param>
/// <param name="At">When the report came.</param>
internal sealed record RecipientFate(Fate Fate, bool Permanent, string? Status, BounceReason Reason, string? Diagnostic, DateTimeOffset At)
{
    private const int MaxDiagnostic = 1000;

    /// <returns>Null when the report says nothing about the delivery: a receipt, a failed signature.</returns>
    public static RecipientFate? Of(MailReport report, ReportedRecipient said, DateTimeOffset at)
    {
        Fate? fate = report.Kind == ReportKind.Feedback
            ? report.Type is "abuse" or "fraud" or "opt-out" or "opt-out-list" ? Fate.Complained : null
            : report.Kind == ReportKind.Receipt ? null
            : said.Action switch { "failed" => Fate.Bounced, "delayed" => Fate.Delayed, "delivered" => Fate.Delivered, "relayed" or "expanded" => Fate.Relayed, _ => null };
        return fate is { } known
            ? new(known, known == Fate.Bounced && said.Permanent != false, said.Status, said.Reason, said.Diagnostic is { Length: > MaxDiagnostic } long_ ? long_[..MaxDiagnostic] : said.Diagnostic, at)
            : null;
    }

    /// <summary>In the API: <c>delivered</c>, <c>hard-bounced</c>...</summary>
    public string Word => Fate switch
    {
        Fate.Delayed => "delayed",
        Fate.Relayed => "relayed",
        Fate.Delivered => "delivered",
        Fate.Bounced => Permanent ? "hard-bounced" : "soft-bounced",
        _ => "complained",
    };
}

/// <summary>A mail's fate as a whole, where reports told of it.</summary>
internal enum MailFate
{
    Delayed,
    Delivered,
    /// <summary>It did not arrive at some.</summary>
    PartlyBounced,
    Bounced,
}

internal static class MailFates
{
    /// <param name="sent">Recipients for whom the server took it.</param>
    /// <returns>Null when too little is known.</returns>
    public static MailFate? Of(int sent, IReadOnlyCollection<RecipientFate> fates)
    {
        var bounced = fates.Count(fate => fate.Fate == Fate.Bounced);
        if (bounced > 0) return bounced >= sent ? MailFate.Bounced : MailFate.PartlyBounced;
        if (fates.Any(fate => fate.Fate == Fate.Delayed)) return MailFate.Delayed;
        return fates.Count >= sent && fates.All(fate => fate.Fate is Fate.Delivered or Fate.Complained) ? MailFate.Delivered : null;
    }

    /// <summary>In the API and beside a conversation's message.</summary>
    public static string Word(this MailFate fate) => fate switch { MailFate.Delayed => "delayed", MailFate.Delivered => "delivered", MailFate.PartlyBounced => "partly-bounced", _ => "bounced" };
}

/// <summary>Whom of a mail's recipients a report speaks of. Pure.</summary>
internal static class ReportMatch
{
    /// <returns>Each recipient once; <c>Named</c>: the report names it, where else it was the only one it can mean.</returns>
    public static IReadOnlyList<(OutboxRecipient Recipient, ReportedRecipient Said, bool Named)> Of(IReadOnlyList<OutboxRecipient> recipients, MailReport report)
    {
        var matched = new List<(OutboxRecipient, ReportedRecipient, bool)>();
        foreach (var recipient in recipients)
            if (report.Recipients.FirstOrDefault(said => Is(recipient, said.OriginalRecipient) || Is(recipient, said.Recipient)) is { } said) matched.Add((recipient, said, true));
        // A forwarder's report names where it was forwarded to; a complaint often names nobody.
        if (matched.Count == 0 && recipients is [var only] && report.Recipients is [var about]) matched.Add((only, about, false));
        else if (matched.Count == 0 && recipients is [var one] && report is { Kind: ReportKind.Feedback, Recipients: [] })
            matched.Add((one, new ReportedRecipient(null, null, "delivered", null, null, null, null, BounceReason.Complaint, null, ReportSource.Fields), false));
        return matched;
    }

    private static bool Is(OutboxRecipient recipient, Mail.EmailAddress? named) => named is not null && Mail.EmailAddress.TryParse(recipient.Address, out var address) && address.Normalized == named.Normalized;
}
