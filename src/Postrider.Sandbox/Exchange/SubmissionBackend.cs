using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Sasl;
using Postrider.Mail.Smtp;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Entra;

namespace Postrider.Sandbox.Exchange;

/// <summary>SMTP submission as Exchange Online does it: who may sign in, as whom mail may be sent, and where it goes.</summary>
internal sealed class SubmissionBackend : ISmtpBackend
{
    private const string SessionId = "session";
    private const string RecipientCount = "recipients";

    private readonly EntraDirectory directory;
    private readonly Grants grants;
    private readonly Mailboxes mailboxes;
    private readonly Transport transport;
    private readonly SmtpScript script;
    private readonly TenantClock clock;
    private readonly bool skipWaits;
    private readonly CancellationToken stopping;
    private readonly Lock gate = new();
    /// <summary>Recipients outside of each tenant; under the lock.</summary>
    private readonly Dictionary<Guid, SlidingCount> external = [];

    /// <param name="skipWaits">Move the clock instead of waiting.</param>
    /// <param name="stopping">Ends what waits: it is not taken.</param>
    public SubmissionBackend(EntraDirectory directory, Grants grants, Mailboxes mailboxes, Transport transport, SmtpScript script, TenantClock clock, bool skipWaits, CancellationToken stopping)
    {
        (this.directory, this.grants, this.mailboxes, this.transport) = (directory, grants, mailboxes, transport);
        (this.script, this.clock, this.skipWaits, this.stopping) = (script, clock, skipWaits, stopping);
    }

    /// <summary>Who signed in to which mailbox: the person of the token, which differs from the mailbox's owner with a shared one.</summary>
    private sealed record Submitter(Mailbox Mailbox, DirectoryUser User);

    public string Greeting(SmtpSession session) => ExchangeReplies.SmtpGreeting(clock.GetUtcNow(), IdOf(session));

    /// <summary>What goes wrong on request before anything is looked at.</summary>
    public async Task<SmtpReply?> BeforeAsync(SmtpSession session, string verb, CancellationToken cancel)
    {
        SmtpStage? stage = verb switch { "CONNECT" => SmtpStage.Connect, "EHLO" or "HELO" => SmtpStage.Hello, "STARTTLS" => SmtpStage.StartTls, "DATA" or "BDAT" => SmtpStage.Data, _ => null };
        return stage is { } known ? await PlayAsync(session, script.Next(known, (session.Identity as Submitter)?.Mailbox.Address)) : null;
    }

    // The default is Exchange's: Hello [address].
    public string? HelloText(SmtpSession session) => null;

    /// <summary>Final at once: Exchange sends no JSON challenge before it refuses.</summary>
    public async Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel)
    {
        if (await PlayAsync(session, script.Next(SmtpStage.Auth, EmailAddress.TryParse(credential.UserName, out var named) ? named : null)) is { } instead) return new(null, instead);
        var refusal = Judge(credential, out var submitter) is { } refuse ? refuse(clock.GetUtcNow(), IdOf(session)) : null;
        if (refusal is null) submitter!.Mailbox.Submission.SignedIn(session);
        return new(refusal is null ? submitter : null, refusal);
    }

    public Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel)
    {
        session.Items[RecipientCount] = 0;
        return PlayAsync(session, script.Next(SmtpStage.Mail, ((Submitter)session.Identity!).Mailbox.Address, sender));
    }

    public async Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel)
    {
        var mailbox = ((Submitter)session.Identity!).Mailbox;
        if (await PlayAsync(session, script.Next(SmtpStage.Rcpt, mailbox.Address, recipient)) is { } instead) return instead;
        if (!mailboxes.HasRoomFor(recipient)) return ExchangeReplies.TooManyCorrespondents;
        var count = (int)session.Items[RecipientCount]!;
        if (count >= mailbox.Settings.MaxRecipients) return ExchangeReplies.TooManyRecipients;
        session.Items[RecipientCount] = count + 1;
        return null;
    }

    /// <summary>Exchange judges connections, size, sender and quotas only when the whole message is there. What it takes beyond the rate has its reply later.</summary>
    public async Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel)
    {
        var mailbox = ((Submitter)session.Identity!).Mailbox;
        if (await ReadWholeAsync(message, mailbox.Settings.MaxSendBytes, cancel) is not { } bytes)
        {
            mailbox.Submission.WasRefused(error: null, mailbox.Settings);
            return ExchangeReplies.TooLarge;
        }
        var read = MimeMessage.Read(bytes);
        var accepted = ExchangeReplies.Accepted(read.MessageId is { } id ? $"<{id}>" : $"<{IdOf(session)}@{ExchangeReplies.HostName}>");
        var fault = script.Next(SmtpStage.EndOfData, [mailbox.Address, envelope.Sender, .. envelope.Recipients]);
        if (fault is not { DecidesMessage: true })
        {
            var reply = await JudgeAsync(session, envelope, bytes, read) ?? accepted;
            return await PlayAsync(session, fault) ?? reply;
        }
        if (fault.IsTaken)
        {
            mailbox.Submission.Take(envelope.Recipients.Count, int.MaxValue);
            transport.Submit(mailbox, envelope.Recipients, bytes);
        }
        return await PlayAsync(session, fault) ?? accepted;
    }

    /// <returns>Null when the message is delivered.</returns>
    private async Task<SmtpReply?> JudgeAsync(SmtpSession session, SmtpEnvelope envelope, ReadOnlyMemory<byte> bytes, MimeMessage message)
    {
        var submitter = (Submitter)session.Identity!;
        var (mailbox, settings) = (submitter.Mailbox, submitter.Mailbox.Settings);
        if (Throttle(session, mailbox, settings) is { } throttle)
        {
            mailbox.Submission.WasThrottled();
            return throttle;
        }
        if (Refuse(submitter, settings, message, envelope, bytes.Length) is var (refusal, error))
        {
            mailbox.Submission.WasRefused(error, settings);
            return refusal;
        }
        if (Take(mailbox, settings, envelope.Recipients, out var turn) is { } quota)
        {
            mailbox.Submission.WasThrottled();
            return quota;
        }
        if (!await WaitUntilAsync(turn)) return ExchangeReplies.Stopping;
        transport.Submit(mailbox, envelope.Recipients, bytes);
        return null;
    }

    public void SessionEnded(SmtpSession session)
    {
        if (session.Identity is Submitter submitter) submitter.Mailbox.Submission.SignedOut(session);
    }

    /// <summary>What concerns the mailbox, whatever the message is.</summary>
    private static SmtpReply? Throttle(SmtpSession session, Mailbox mailbox, MailboxSettings settings)
    {
        if (mailbox.Submission.IsBeyond(settings.MaxConnections, session)) return ExchangeReplies.TooManyConnections;
        return mailbox.Submission.Throttled is { } closed ? ExchangeReplies.SenderThrottled(closed.Reason) : null;
    }

    /// <summary>What concerns the message.</summary>
    private (SmtpReply Reply, ThrottleReason? Error)? Refuse(Submitter submitter, MailboxSettings settings, MimeMessage message, SmtpEnvelope envelope, long length)
    {
        foreach (var from in message.From.Select(f => f.Address).Append(envelope.Sender).OfType<EmailAddress>())
            if (!MaySendAs(submitter, from)) return (ExchangeReplies.SendAsDenied(submitter.Mailbox.Address, from), ThrottleReason.SendAsDenied);
        if (settings.QuotaBytes is { } quota && submitter.Mailbox.Size + length > quota) return (ExchangeReplies.MailboxFull, ThrottleReason.MailboxFull);
        return null;
    }

    /// <summary>Counts the message, unless it is beyond the quota of the mailbox or of the tenant.</summary>
    private SmtpReply? Take(Mailbox mailbox, MailboxSettings settings, IReadOnlyList<EmailAddress> recipients, out DateTimeOffset turn)
    {
        turn = default;
        var tenant = directory.Tenants.First(t => t.Id == mailbox.TenantId);
        // In one go, so that two sessions do not both take the last place.
        lock (gate)
        {
            if (!mailbox.Submission.HasRoomFor(recipients.Count, settings.RecipientsPerDay)) return ExchangeReplies.RecipientsPerDayUsedUp;
            var outside = recipients.Count(r => !tenant.Domains.Contains(r.Domain, StringComparer.OrdinalIgnoreCase));
            if (tenant.Kind == TenantKind.Work && outside > 0)
            {
                var (now, terms) = (clock.GetUtcNow(), mailboxes.SettingsOf(tenant.Id));
                if (!external.TryGetValue(tenant.Id, out var sent)) external.Add(tenant.Id, sent = new(TimeSpan.FromDays(1)));
                if (sent.Sum(now) + outside > terms.ExternalLimit(directory.FindUsers(tenant.Id).Count)) return ExchangeReplies.ExternalRecipientsPerDayUsedUp(terms.IsTrial);
                sent.Add(outside, now);
            }
            turn = mailbox.Submission.Take(recipients.Count, settings.MessagesPerMinute);
            return null;
        }
    }

    /// <returns>What is said instead of the usual reply; null: the usual one.</returns>
    private async Task<SmtpReply?> PlayAsync(SmtpSession session, SmtpFault? fault)
    {
        if (fault is null) return null;
        if (!await WaitUntilAsync(clock.GetUtcNow() + fault.Delay)) return ExchangeReplies.Stopping;
        if (fault.HangUp == SmtpHangUp.InsteadOfReply) throw new SmtpHangUpException();
        session.ClosesAfterReply = fault.HangUp == SmtpHangUp.AfterReply;
        return fault.Reply;
    }

    /// <returns>False when the sandbox ends before that.</returns>
    private async Task<bool> WaitUntilAsync(DateTimeOffset time)
    {
        var wait = time - clock.GetUtcNow();
        if (wait <= TimeSpan.Zero) return true;
        if (skipWaits)
        {
            clock.AdvanceTo(time);
            return true;
        }
        try
        {
            await Task.Delay(wait, clock, stopping);
            return true;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <returns>Null when the credential is good; else what makes the reply.</returns>
    private Func<DateTimeOffset, string, SmtpReply>? Judge(SaslCredential credential, out Submitter? submitter)
    {
        submitter = null;
        DirectoryUser? user;
        if (credential is SaslCredential.XOAuth2 bearer)
        {
            if (grants.FindAccessToken(bearer.AccessToken, ApiResource.Outlook) is not { } token || !token.Permissions.Contains("SMTP.Send")) return ExchangeReplies.AuthenticationUnsuccessful;
            user = directory.FindUser(token.UserId);
        }
        else
        {
            user = directory.FindUser(credential.UserName);
            switch (mailboxes.SettingsOf(user?.TenantId ?? Guid.Empty).BasicAuthentication)
            {
                case BasicAuthentication.Disabled: return ExchangeReplies.BasicAuthenticationDisabled;
                case BasicAuthentication.Retired: return ExchangeReplies.BasicAuthenticationRetired;
            }
            if (credential is not SaslCredential.Plain plain || user is null || !directory.PasswordIsRight(user, plain.Password)) return ExchangeReplies.CredentialsIncorrect;
        }
        if (user is not { IsEnabled: true }) return ExchangeReplies.AuthenticationUnsuccessful;
        // With a shared mailbox the token is the person's and the name the mailbox's.
        if (mailboxes.Find(credential.UserName) is not { Kind: not MailboxKind.Outside } mailbox || !mailbox.LetsSendAs(user.Id)) return ExchangeReplies.AuthenticationUnsuccessful;
        var (tenant, own) = (mailboxes.SettingsOf(mailbox.TenantId!.Value), mailbox.Settings.SmtpClientAuthenticationDisabled);
        if (tenant.PolicyBlocksSmtp) return ExchangeReplies.BlockedByPolicy;
        if (own == true) return ExchangeReplies.SmtpAuthDisabledForMailbox;
        // What the mailbox says overrides the tenant and the security defaults.
        if (own is null && tenant.SecurityDefaults) return ExchangeReplies.BlockedBySecurityDefaults;
        if (own is null && tenant.SmtpClientAuthenticationDisabled) return ExchangeReplies.SmtpAuthDisabledForTenant;
        submitter = new(mailbox, user);
        return null;
    }

    private bool MaySendAs(Submitter submitter, EmailAddress from) =>
        mailboxes.Find(from) is { } mailbox && (mailbox == submitter.Mailbox || mailbox.Settings.SendAs.Contains(submitter.User.Id) || (submitter.Mailbox.OwnerId is { } owner && mailbox.Settings.SendAs.Contains(owner)));

    /// <returns>Null when it is longer than <paramref name="limit"/>; the rest is then left to the server.</returns>
    private static async Task<ReadOnlyMemory<byte>?> ReadWholeAsync(PipeReader message, long limit, CancellationToken cancel)
    {
        var whole = new ArrayBufferWriter<byte>(64 * 1024);
        while (true)
        {
            var read = await message.ReadAsync(cancel);
            foreach (var segment in read.Buffer) whole.Write(segment.Span);
            message.AdvanceTo(read.Buffer.End);
            if (whole.WrittenCount > limit) return null;
            if (read.IsCompleted) return whole.WrittenMemory.ToArray();
        }
    }

    private static string IdOf(SmtpSession session)
    {
        if (session.Items.TryGetValue(SessionId, out var id)) return (string)id!;
        var made = Convert.ToHexString(RandomNumberGenerator.GetBytes(8));
        session.Items[SessionId] = made;
        return made;
    }
}
