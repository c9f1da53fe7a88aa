using System.Threading.Channels;
using Postrider.Conversations;
using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.IncomingMail;

/// <summary>Whether a sender may be told that a mail was not accepted. Pure.</summary>
internal static class RefusalRule
{
    /// <summary>At most one automatic answer of ours to an address within this time, whatever it is about: no loop can pass it (RFC 3834 section 2).</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromHours(24);

    /// <param name="lastTold">When this address was last written to; null: never.</param>
    /// <param name="isOurs">The address is one that the hub itself receives at.</param>
    /// <returns>Null: tell it. Else why not, in one sentence.</returns>
    public static string? Against(ReceivedMail mail, DateTimeOffset? lastTold, bool isOurs, DateTimeOffset now)
    {
        if (mail.Sender is null) return "There is nobody to tell.";
        if (mail.AnswersByItself || mail.Automatic || !mail.MayBeAnsweredByItself) return "The sender is not told: a program, a list or nobody would get the answer.";
        // An answer to a forged address would be spam of ours to somebody who wrote nothing.
        if (mail.SenderCheck != SenderCheck.Passed) return "The sender is not told: nothing proves that the address is its own.";
        if (isOurs) return "The sender is not told: it is an address of the hub itself.";
        return lastTold is { } last && now - last < Pause ? "The sender is not told: it was written to within the last day." : null;
    }
}

/// <summary>What a refused sender will be told.</summary>
internal sealed record Refusal(IncomingMailId Mail, string Recipient, string RefusedBy, string Subject, string? HeaderId, string Text, DateTimeOffset DecidedAt);

/// <summary>All SQL of refusals.</summary>
internal static class RefusalStore
{
    public static DateTimeOffset? LastTold(HubReader reader, EmailAddress recipient) =>
        reader.QueryFirstOrDefault<DateTimeOffset?>("select decided_at from refusal where recipient_key = @Key and state <> 'dropped' order by decided_at desc limit 1", new { Key = recipient.Normalized });

    /// <returns>False when the sender was told of this mail before: <em>Process again</em> tells nobody twice.</returns>
    public static bool Put(HubTransaction tx, Refusal refusal) =>
        tx.Execute(
            """
            insert into refusal (incoming_mail_id, recipient, recipient_key, refused_by, subject, header_id, text, state, decided_at)
            values (@Mail, @Recipient, @Key, @RefusedBy, @Subject, @HeaderId, @Text, 'due', @DecidedAt) on conflict (incoming_mail_id) do nothing
            """, new { Mail = refusal.Mail.Value, refusal.Recipient, Key = EmailAddress.Parse(refusal.Recipient).Normalized, refusal.RefusedBy, refusal.Subject, refusal.HeaderId, refusal.Text, refusal.DecidedAt }) > 0;

    public static IReadOnlyList<Refusal> Due(HubReader reader) =>
        [.. reader.Query<Row>("select incoming_mail_id as Mail, recipient as Recipient, refused_by as RefusedBy, subject as Subject, header_id as HeaderId, text as Text, decided_at as DecidedAt from refusal where state = 'due' order by decided_at limit 100")
            .Select(r => new Refusal(new(r.Mail), r.Recipient, r.RefusedBy, r.Subject, r.HeaderId, r.Text, r.DecidedAt))];

    public static void Settle(HubTransaction tx, IncomingMailId mail, bool told) =>
        tx.Execute("update refusal set state = @State where incoming_mail_id = @Id and state = 'due'", new { State = told ? "told" : "dropped", Id = mail.Value });

    private sealed class Row
    {
        public Guid Mail { get; set; }
        public string Recipient { get; set; } = "";
        public string RefusedBy { get; set; } = "";
        public string Subject { get; set; } = "";
        public string? HeaderId { get; set; }
        public string Text { get; set; } = "";
        public DateTimeOffset DecidedAt { get; set; }
    }
}

/// <summary>Tells senders that their mail was not accepted: decided in the transaction that settles the mail, sent from here.</summary>
internal sealed partial class Refusals(HubDatabase database, InboxStore inboxes, Outbox outbox, OutgoingServerStore servers, SystemParameters parameters, TimeProvider clock, ILogger<Refusals> log) : BackgroundService
{
    private static readonly TimeSpan Round = TimeSpan.FromMinutes(1);
    private readonly Channel<bool> bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Notes that the sender is to be told, where that may be.</summary>
    /// <returns>One sentence: that it is told, or why not.</returns>
    public string Decide(HubTransaction tx, IncomingMailId id, ReceivedMail mail, Route route)
    {
        var (by, words) = route switch
        {
            Route.Refused { Alias.Refusal: { } own } refused => (refused.By, own),
            Route.Refused { Alias: not null } refused => (refused.By, IncomingMailTexts.RefusalRule.With(refused.By)),
            Route.Refused refused => (refused.By, IncomingMailTexts.RefusalCatchall.With(refused.By)),
            _ => (mail.Recipients is [var first, ..] ? first.ToString() : "", IncomingMailTexts.RefusalVolume),
        };
        if (RefusalRule.Against(mail, mail.Sender is { } from ? RefusalStore.LastTold(tx, from.Address) : null, mail.Sender is { } who && IsOurs(tx, who.Address), tx.Now) is { } against) return against;
        var sender = mail.Sender!.Address;
        if (RefusalStore.Put(tx, new Refusal(id, sender.ToString(), by, ThreadSubject.OneLine(mail.Subject), mail.MessageId, words, tx.Now))) tx.AfterCommit(() => bell.Writer.TryWrite(true));
        return "The sender is told.";
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await TellAllAsync(stoppingToken);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                await Task.WhenAny(bell.Reader.ReadAsync(either.Token).AsTask(), Task.Delay(Round, clock, either.Token));
                await either.CancelAsync();
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                NotTold(log, failure);
                await Task.Delay(Round, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Puts the answers that are due into the outbox. One that finds no server is tried for a day.</summary>
    public async Task TellAllAsync(CancellationToken cancel)
    {
        foreach (var refusal in await database.ReadAsync(RefusalStore.Due, cancel))
        {
            if (clock.GetUtcNow() - refusal.DecidedAt >= RefusalRule.Pause) await database.WriteAsync(tx => RefusalStore.Settle(tx, refusal.Mail, told: false), cancel);
            else if (await PutAsync(refusal, cancel) is { Problem.Code: "mail-all-suppressed" or "mail-idempotency-key-reused" or "mail-header-invalid" or "mail-control-characters" })
                await database.WriteAsync(tx => RefusalStore.Settle(tx, refusal.Mail, told: false), cancel);
        }
    }

    private async Task<PutResult> PutAsync(Refusal refusal, CancellationToken cancel)
    {
        var from = parameters.BounceAddress ?? parameters.DefaultFromAddress ?? (await servers.RosterAsync(cancel)).FirstOrDefault(server => server.Active && server.Owner is null)?.Mailbox
            ?? (EmailAddress.TryParse(refusal.RefusedBy, out var by) ? by : EmailAddress.Parse(refusal.Recipient));
        return await outbox.PutAsync(
            new OutgoingMessage
            {
                From = new(IncomingMailTexts.RefusalFrom, from),
                To = [new(null, EmailAddress.Parse(refusal.Recipient))],
                Subject = IncomingMailTexts.RefusalSubject.With(refusal.Subject),
                // Nothing of what was written: who writes to us with another's words must not have us send them on.
                Text = $"{refusal.Text}\n\n{IncomingMailTexts.RefusalAbout.With(refusal.Subject.Length == 0 ? "-" : refusal.Subject)}\n",
                MessageId = $"{refusal.Mail.Value:N}{RouteDecision.LoopTag}{AliasName.DomainOf(from)}",
                InReplyTo = refusal.HeaderId,
                References = refusal.HeaderId is { } answered ? [answered] : [],
                AnswersByItself = true,
                IdempotencyKey = $"refusal:{refusal.Mail.Value:D}",
            },
            (tx, _, _) => RefusalStore.Settle(tx, refusal.Mail, told: true), cancel);
    }

    private bool IsOurs(HubReader reader, EmailAddress address)
    {
        var domain = parameters.CatchallDomain;
        return new[] { OwnAddress.Of(parameters.CatchallAlias, domain), parameters.BounceAddress, parameters.DefaultFromAddress }.Any(own => address.Equals(own))
            || inboxes.ActiveNamed(reader, [AliasName.LocalPartOf(address)]).Any(alias => alias.Domain.Length == 0 ? AliasName.DomainOf(address) == domain : alias.Domain == AliasName.DomainOf(address));
    }

    [LoggerMessage(IncomingMailLog.NotTold, LogLevel.Warning, "Senders of refused mail could not be told; trying again")]
    private static partial void NotTold(ILogger log, Exception e);
}
