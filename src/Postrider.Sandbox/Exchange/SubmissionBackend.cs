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
    /// <summary>Microsoft: "Exchange Online limits", read 2026-11: concurrent SMTP AUTH connections of one mailbox.</summary>
    private const int MaxConnections = 3;
    private const string SessionId = "session";

    private readonly EntraDirectory directory;
    private readonly Grants grants;
    private readonly Mailboxes mailboxes;
    private readonly Transport transport;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();
    /// <summary>Signed-in sessions of each mailbox, in order of their sign-in.</summary>
    private readonly Dictionary<Mailbox, List<SmtpSession>> connections = [];

    public SubmissionBackend(EntraDirectory directory, Grants grants, Mailboxes mailboxes, Transport transport, TimeProvider clock) =>
        (this.directory, this.grants, this.mailboxes, this.transport, this.clock) = (directory, grants, mailboxes, transport, clock);

    /// <summary>Who signed in to which mailbox: the person of the token, which differs from the mailbox's owner with a shared one.</summary>
    private sealed record Submitter(Mailbox Mailbox, DirectoryUser User);

    public string Greeting(SmtpSession session) => ExchangeReplies.SmtpGreeting(clock.GetUtcNow(), IdOf(session));

    // The default is Exchange's: Hello [address].
    public string? HelloText(SmtpSession session) => null;

    /// <summary>Final at once: Exchange sends no JSON challenge before it refuses.</summary>
    public Task<SmtpAuthResult> AuthenticateAsync(SmtpSession session, SaslCredential credential, CancellationToken cancel)
    {
        var refusal = Judge(credential, out var submitter) is { } refuse ? refuse(clock.GetUtcNow(), IdOf(session)) : null;
        if (submitter is not null && refusal is null)
            lock (gate)
            {
                if (!connections.TryGetValue(submitter.Mailbox, out var open)) connections.Add(submitter.Mailbox, open = []);
                open.Add(session);
            }
        return Task.FromResult(new SmtpAuthResult(refusal is null ? submitter : null, refusal));
    }

    public Task<SmtpReply?> MailAsync(SmtpSession session, EmailAddress? sender, CancellationToken cancel) => Task.FromResult<SmtpReply?>(null);

    public Task<SmtpReply?> RcptAsync(SmtpSession session, EmailAddress recipient, CancellationToken cancel) =>
        Task.FromResult(mailboxes.HasRoomFor(recipient) ? null : ExchangeReplies.TooManyCorrespondents);

    /// <summary>Exchange judges connections, size and sender only when the whole message is there.</summary>
    public async Task<SmtpReply> MessageAsync(SmtpSession session, SmtpEnvelope envelope, PipeReader message, CancellationToken cancel)
    {
        var submitter = (Submitter)session.Identity!;
        var limit = submitter.Mailbox.Settings.MaxSendBytes;
        if (await ReadWholeAsync(message, limit, cancel) is not { } bytes) return ExchangeReplies.TooLarge;
        if (IsBeyondLimit(submitter.Mailbox, session)) return ExchangeReplies.TooManyConnections;

        var read = MimeMessage.Read(bytes);
        foreach (var from in read.From.Select(f => f.Address).Append(envelope.Sender).OfType<EmailAddress>())
            if (!MaySendAs(submitter, from)) return ExchangeReplies.SendAsDenied(submitter.Mailbox.Address, from);

        transport.Submit(submitter.Mailbox, envelope.Recipients, bytes);
        return ExchangeReplies.Accepted(read.MessageId is { } id ? $"<{id}>" : $"<{IdOf(session)}@{ExchangeReplies.HostName}>");
    }

    public void SessionEnded(SmtpSession session)
    {
        if (session.Identity is not Submitter submitter) return;
        lock (gate) if (connections.TryGetValue(submitter.Mailbox, out var open) && open.Remove(session) && open.Count == 0) connections.Remove(submitter.Mailbox);
    }

    /// <returns>Null when the credential is good; else what makes the reply.</returns>
    private Func<DateTimeOffset, string, SmtpReply>? Judge(SaslCredential credential, out Submitter? submitter)
    {
        submitter = null;
        if (credential is not SaslCredential.XOAuth2 bearer) return ExchangeReplies.BasicAuthenticationDisabled;
        if (grants.FindAccessToken(bearer.AccessToken, ApiResource.Outlook) is not { } token || !token.Permissions.Contains("SMTP.Send")) return ExchangeReplies.AuthenticationUnsuccessful;
        if (directory.FindUser(token.UserId) is not { IsEnabled: true } user) return ExchangeReplies.AuthenticationUnsuccessful;
        // With a shared mailbox the token is the person's and the name the mailbox's.
        if (mailboxes.Find(bearer.UserName) is not { Kind: not MailboxKind.Outside } mailbox || !mailbox.LetsSendAs(user.Id)) return ExchangeReplies.AuthenticationUnsuccessful;
        switch (mailbox.Settings.SmtpClientAuthenticationDisabled)
        {
            case true: return ExchangeReplies.SmtpAuthDisabledForMailbox;
            // What the mailbox says overrides the tenant.
            case null when mailboxes.IsSmtpAuthDisabled(mailbox.TenantId!.Value): return ExchangeReplies.SmtpAuthDisabledForTenant;
        }
        submitter = new(mailbox, user);
        return null;
    }

    private bool MaySendAs(Submitter submitter, EmailAddress from) =>
        mailboxes.Find(from) is { } mailbox && (mailbox == submitter.Mailbox || mailbox.Settings.SendAs.Contains(submitter.User.Id) || (submitter.Mailbox.OwnerId is { } owner && mailbox.Settings.SendAs.Contains(owner)));

    private bool IsBeyondLimit(Mailbox mailbox, SmtpSession session)
    {
        lock (gate) return connections.TryGetValue(mailbox, out var open) && open.IndexOf(session) >= MaxConnections;
    }

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
