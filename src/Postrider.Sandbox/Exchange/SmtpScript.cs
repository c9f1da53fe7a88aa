using Postrider.Mail;
using Postrider.Mail.Smtp;

namespace Postrider.Sandbox.Exchange;

/// <summary>Where in a session something goes wrong.</summary>
public enum SmtpStage
{
    /// <summary>Instead of the greeting.</summary>
    Connect,
    Hello,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    /// <summary>DATA, before the message.</summary>
    Data,
    /// <summary>The end of the message: the final dot, or the last chunk.</summary>
    EndOfData,
}

public enum SmtpHangUp
{
    No,
    InsteadOfReply,
    AfterReply,
}

/// <summary>Something that goes wrong on request: where, for whom, when, and what happens. What is not given happens as usual.</summary>
public sealed record SmtpFault(SmtpStage Stage)
{
    /// <summary>Said instead of the usual reply, and the command is not done; null: the usual one.</summary>
    public SmtpReply? Reply { get; init; }
    /// <summary>By the sandbox's clock, before the reply or the hanging up.</summary>
    public TimeSpan Delay { get; init; }
    public SmtpHangUp HangUp { get; init; }
    /// <summary>At the end of the data: is the message delivered, whatever the client is told? Null: as the client is told, so not when it is told nothing.</summary>
    public bool? Taken { get; init; }
    /// <summary>The mailbox that signed in, the sender or a recipient, as far as they are known at that stage; <c>@domain</c> for all of one; null: everybody.</summary>
    public string? Address { get; init; }
    /// <summary>How many times it goes well at first.</summary>
    public int Skip { get; init; }
    /// <summary>3: each third time.</summary>
    public int Every { get; init; } = 1;
    /// <summary>How often it goes wrong at all; null: until it is removed.</summary>
    public int? Times { get; init; }
    /// <summary>By the sandbox's clock; null: from now.</summary>
    public DateTimeOffset? From { get; init; }
    /// <summary>By the sandbox's clock; null: for ever.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The message does not go its usual way.</summary>
    internal bool DecidesMessage => Reply is not null || HangUp == SmtpHangUp.InsteadOfReply || Taken is not null;

    internal bool IsTaken => Taken ?? (HangUp != SmtpHangUp.InsteadOfReply && Reply is not { IsPositive: false });

    /// <summary>What is wrong with it, in one sentence; null: nothing.</summary>
    public string? Flaw()
    {
        if (Reply is null && HangUp == SmtpHangUp.No && Delay == TimeSpan.Zero && Taken is null) return "Nothing would go wrong: give a reply, a delay, a hanging up, or whether the message is taken.";
        if (Delay < TimeSpan.Zero || Delay > TimeSpan.FromDays(1)) return "A delay is between nothing and a day.";
        if (Taken is not null && Stage != SmtpStage.EndOfData) return "Only at the end of the data is there a message to take.";
        if (Reply is not null && HangUp == SmtpHangUp.InsteadOfReply) return "Whoever hangs up instead of a reply gives none.";
        if (Address is not null && Stage is SmtpStage.Connect or SmtpStage.Hello or SmtpStage.StartTls) return "At that stage nobody is known yet, so there is no address to look at.";
        if (Address is not null && !EmailAddress.TryParse(Address.StartsWith('@') ? "x" + Address : Address, out _)) return $"{Address} is neither an address nor a domain such as @example.org.";
        if (Skip < 0 || Every < 1 || Times < 1) return "Skip is 0 or more, every and times are 1 or more.";
        return Until <= From ? "It would end before it begins." : null;
    }

    internal bool Concerns(IEnumerable<EmailAddress> people) => Address is null || people.Any(p => Address.StartsWith('@') ? Address[1..].Equals(p.Domain, StringComparison.OrdinalIgnoreCase) : Address.Equals(p.ToString(), StringComparison.OrdinalIgnoreCase));
}

/// <summary>A fault of the script and what has become of it.</summary>
/// <param name="Met">How often the stage was come to by somebody it concerns, within its time.</param>
/// <param name="Played">How often it went wrong.</param>
public sealed record ScriptedFault(int Id, SmtpFault Fault, int Met, int Played);

/// <summary>What goes wrong in SMTP on request. The first fault that is due is played. Any thread.</summary>
public sealed class SmtpScript
{
    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly List<ScriptedFault> faults = [];
    private int lastId;

    internal SmtpScript(TimeProvider clock) => this.clock = clock;

    public IReadOnlyList<ScriptedFault> Faults { get { lock (gate) return [.. faults]; } }

    /// <returns>Its id.</returns>
    /// <exception cref="ArgumentException">It has a <see cref="SmtpFault.Flaw"/>.</exception>
    public int Add(SmtpFault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        if (fault.Flaw() is { } flaw) throw new ArgumentException(flaw, nameof(fault));
        lock (gate)
        {
            faults.Add(new(++lastId, fault, 0, 0));
            return lastId;
        }
    }

    /// <summary>The next so many times, everybody hears this reply there.</summary>
    /// <param name="reply">Such as <c>451 4.7.500 Server busy</c>.</param>
    /// <param name="times">Null: until it is removed.</param>
    public int Answer(SmtpStage stage, string reply, int? times = 1) =>
        Add(new(stage) { Reply = SmtpReply.Read(reply) ?? throw new ArgumentException($"{reply} is no reply.", nameof(reply)), Times = times });

    /// <returns>False when it is gone already.</returns>
    public bool Remove(int id) { lock (gate) return faults.RemoveAll(f => f.Id == id) > 0; }

    public void Clear() { lock (gate) faults.Clear(); }

    internal SmtpFault? Next(SmtpStage stage, params IEnumerable<EmailAddress?> people)
    {
        var known = people.OfType<EmailAddress>().ToList();
        lock (gate)
        {
            var now = clock.GetUtcNow();
            for (var i = 0; i < faults.Count; i++)
            {
                var (fault, played) = (faults[i].Fault, faults[i].Played);
                if (fault.Stage != stage || now < fault.From || now >= fault.Until || played >= fault.Times || !fault.Concerns(known)) continue;
                var met = faults[i].Met + 1;
                var due = met > fault.Skip && (met - fault.Skip) % fault.Every == 0;
                faults[i] = faults[i] with { Met = met, Played = due ? played + 1 : played };
                if (due) return fault;
            }
            return null;
        }
    }
}
