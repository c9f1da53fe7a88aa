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
    public OutboxLane Lane { get; init; }
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
    /// <summary>What the server rests for; null when nothing is wrong with it.</summary>
    public Problem? ServerProblem { get; init; }
    /// <summary>Not null while a person holds the server.</summary>
    public Problem? ServerHeld { get; init; }
    /// <summary>Why this server and why this From: one step a line.</summary>
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
    /// <summary>Who is told by mail of delay and failure; null: nobody.</summary>
    public string? ReportTo { get; init; }
    /// <summary>Everybody it goes to, with commas between, for lists.</summary>
    public string Recipients { get; init; } = "";

    public IReadOnlyList<string> WhySteps => Why.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>When it will be tried; null when it will not be.</summary>
    public DateTimeOffset? NextTry => State is OutboxState.Waiting or OutboxState.Scheduled && ServerActive && ServerHeld is null ? (ServerPausedUntil > DueAt ? ServerPausedUntil : DueAt) : null;

    /// <summary>What to tell a person now: a server that is archived, held or rests outranks what happened last.</summary>
    public Problem? Trouble => State is not (OutboxState.Waiting or OutboxState.Scheduled) ? Problem : !ServerActive ? OutgoingServersProblems.Archived(ServerName) : ServerHeld ?? (ServerPausedUntil is null ? Problem : ServerProblem ?? Problem);
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
/// <param name="Recipients">Those that are still to be offered.</param>
/// <param name="Settled">Where the others stand.</param>
/// <param name="LifeFrom">When its lifetime began.</param>
internal sealed record ClaimedMail(
    OutboxMailId Id, string EnvelopeFrom, Guid BodyId, long Size, IReadOnlyList<ClaimedRecipient> Recipients, IReadOnlyList<RecipientState> Settled, int Tries, DateTimeOffset DueAt, DateTimeOffset LifeFrom, DateTimeOffset ClaimedAt)
{
    /// <summary>Each once, in order.</summary>
    public Mail.EmailAddress[] Addresses { get; } = [.. Recipients.Select(recipient => recipient.Address).Distinct()];
    public BodyForm Form { get; init; }
    /// <summary>By place in <see cref="Addresses"/>. Null: nothing is asked.</summary>
    public Mail.Smtp.SmtpDsn? Dsn { get; init; }
}

/// <param name="N">Its place among the mail's recipients.</param>
internal sealed record ClaimedRecipient(int N, Mail.EmailAddress Address, int? DsnNotify = null, string? DsnOriginal = null);

/// <summary>What a claim came to.</summary>
/// <param name="OpensAt">When the budget has room again; null when it does not keep anything back.</param>
internal sealed record Turn(IReadOnlyList<ClaimedMail> Mails, DateTimeOffset? OpensAt)
{
    public static Turn Nothing { get; } = new([], null);
}
