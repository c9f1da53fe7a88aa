using Postrider.OutgoingServers;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>An outgoing mail as a page shows it.</summary>
internal sealed record OutboxMail
{
    public OutboxMailId Id { get; init; }
    /// <summary>Without angle brackets.</summary>
    public string MessageId { get; init; } = "";
    public OutboxState State { get; init; }
    public string Subject { get; init; } = "";
    /// <summary>The sender as the author wrote it.</summary>
    public string WrittenFrom { get; init; } = "";
    /// <summary>The sender as the reader sees it.</summary>
    public string HeaderFrom { get; init; } = "";
    public string EnvelopeFrom { get; init; } = "";
    public OutgoingServerId ServerId { get; init; }
    public string ServerName { get; init; } = "";
    public bool ServerActive { get; init; }
    public DateTimeOffset? ServerPausedUntil { get; init; }
    /// <summary>Why this server and why this From.</summary>
    public string Why { get; init; } = "";
    public Guid BodyId { get; init; }
    /// <summary>Bytes on the wire.</summary>
    public long Size { get; init; }
    public Guid? Creator { get; init; }
    public DateTimeOffset PutAt { get; init; }
    public DateTimeOffset DueAt { get; init; }
    /// <summary>Attempts in which it was really offered.</summary>
    public int Tries { get; init; }
    /// <summary>What keeps it or ended it; null when nothing is wrong.</summary>
    public Problem? Problem { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>Everybody it goes to, with commas between, for lists.</summary>
    public string Recipients { get; init; } = "";

    /// <summary>When it will be tried; null when it will not be.</summary>
    public DateTimeOffset? NextTry => State is OutboxState.Waiting or OutboxState.Scheduled && ServerActive ? (ServerPausedUntil > DueAt ? ServerPausedUntil : DueAt) : null;

    /// <summary>What to tell a person now: an archived server outranks what happened last.</summary>
    public Problem? Trouble => State is OutboxState.Waiting or OutboxState.Scheduled && !ServerActive ? OutgoingServersProblems.Archived(ServerName) : Problem;
}

internal sealed record OutboxRecipient
{
    public int N { get; init; }
    /// <summary><c>to</c>, <c>cc</c> or <c>bcc</c>.</summary>
    public string Role { get; init; } = "";
    public string? Name { get; init; }
    public string Address { get; init; } = "";
    public RecipientState State { get; init; }
    /// <summary>The server's last word about this recipient; null before it said any.</summary>
    public string? Reply { get; init; }
    /// <summary>NOTIFY of whoever handed the mail in (RFC 3461 section 4.1), the sum of SmtpNotify; null: not asked.</summary>
    public int? DsnNotify { get; init; }
    /// <summary>ORCPT as <c>rfc822;ann@example.com</c>; null: not given.</summary>
    public string? DsnOriginal { get; init; }
}

internal sealed record AttemptRow
{
    public Guid Id { get; init; }
    public DateTimeOffset StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    /// <summary>One or two words; null while it runs.</summary>
    public string? Outcome { get; init; }
    public Problem? Problem { get; init; }
    public IReadOnlyList<string> Transcript { get; init; } = [];
}

/// <summary>A mail that this process is about to send.</summary>
internal sealed record ClaimedMail(OutboxMailId Id, Guid AttemptId, string EnvelopeFrom, Guid BodyId, long Size, IReadOnlyList<Mail.EmailAddress> Recipients)
{
    public BodyForm Form { get; init; }
    /// <summary>By place in <see cref="Recipients"/>. Null: nothing is asked.</summary>
    public Mail.Smtp.SmtpDsn? Dsn { get; init; }
}
