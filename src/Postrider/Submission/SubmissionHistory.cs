using System.Net;
using Postrider.Journal;
using Postrider.Mail.Smtp;
using Postrider.OutgoingMail;

namespace Postrider.Submission;

/// <summary>A message that was taken.</summary>
/// <param name="Who">A person's name or a trusted network's.</param>
internal sealed record SubmissionTaken(DateTimeOffset At, string Who, IPAddress Address, string From, int Recipients, string Subject, OutboxMailId Mail);

/// <summary>A command or message that was refused.</summary>
/// <param name="Who">Null: nobody had signed in.</param>
/// <param name="Reply">As the client got it.</param>
internal sealed record SubmissionRefusal(DateTimeOffset At, string? Who, IPAddress Address, string Reply);

/// <summary>How many of one kind, by what they are answered with: <c>550 5.7.1</c>.</summary>
internal sealed record RefusalCount(string Code, long Count, string LastReply);

internal sealed record SubmissionNumbers(long Taken, long Refused, IReadOnlyList<SubmissionTaken> LastTaken, IReadOnlyList<SubmissionRefusal> LastRefused, IReadOnlyList<RefusalCount> Reasons);

/// <summary>What was handed in and refused since this process began: the last few, and numbers. In memory, so that a stranger's refusals write nothing.</summary>
internal sealed class SubmissionHistory(LiveEvents live, TimeProvider clock)
{
    public const string Topic = "submission";
    public const int Kept = 20;
    // More kinds of replies than there are.
    private const int MaxReasons = 100;

    private readonly Lock gate = new();
    private readonly Queue<SubmissionTaken> taken = new();
    private readonly Queue<SubmissionRefusal> refused = new();
    private readonly Dictionary<string, (long Count, string Reply)> reasons = new(StringComparer.Ordinal);
    private long takenCount, refusedCount;

    public void Taken(string who, IPAddress address, OutgoingMessage message, OutboxMailId mail)
    {
        lock (gate)
        {
            takenCount++;
            Keep(taken, new(clock.GetUtcNow(), who, address, message.From.ToString(), message.To.Count + message.Cc.Count + message.Bcc.Count, message.Subject, mail));
        }

        live.Publish(Topic);
    }

    public void Refused(string? who, IPAddress address, SmtpReply reply)
    {
        var text = reply.ToString();
        var code = reply.EnhancedCode is null ? $"{reply.Code}" : $"{reply.Code} {reply.EnhancedCode}";
        lock (gate)
        {
            refusedCount++;
            if (reasons.Count < MaxReasons || reasons.ContainsKey(code)) reasons[code] = (reasons.GetValueOrDefault(code).Count + 1, text);
            Keep(refused, new(clock.GetUtcNow(), who, address, text));
        }

        live.Publish(Topic);
    }

    /// <summary>The newest first; reasons by how often.</summary>
    public SubmissionNumbers Read()
    {
        lock (gate)
            return new(takenCount, refusedCount, [.. taken.Reverse()], [.. refused.Reverse()], [.. reasons.Select(reason => new RefusalCount(reason.Key, reason.Value.Count, reason.Value.Reply)).OrderByDescending(reason => reason.Count)]);
    }

    private static void Keep<T>(Queue<T> queue, T entry)
    {
        queue.Enqueue(entry);
        if (queue.Count > Kept) queue.Dequeue();
    }
}
