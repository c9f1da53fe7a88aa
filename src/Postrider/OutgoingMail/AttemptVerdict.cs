using Postrider.Doctor;
using Postrider.Mail;
using Postrider.Mail.Smtp;

namespace Postrider.OutgoingMail;

/// <summary>What one attempt came to for one recipient.</summary>
internal abstract record RecipientOutcome
{
    public sealed record Accepted(SmtpReply? Reply) : RecipientOutcome;
    /// <summary>Try again later; counts as a try of the mail.</summary>
    public sealed record Deferred(SmtpReply Reply) : RecipientOutcome;
    public sealed record Refused(SmtpReply Reply) : RecipientOutcome;
    /// <summary>The line broke after the final dot: the server may or may not hold the message.</summary>
    public sealed record Unknown(string LastLine) : RecipientOutcome;
    /// <summary>Not offered at all: trouble of the server, not of the mail. Counts as no try.</summary>
    public sealed record NotOffered : RecipientOutcome;
}

/// <param name="Outcomes">One for each recipient that was to be offered.</param>
/// <param name="ServerTrouble">Not null when the server, not the mail, is the reason: the server rests, and the mail waits without losing a try.</param>
/// <param name="MailProblem">What to show beside the mail when it was deferred or refused; null when nothing is wrong.</param>
internal sealed record AttemptVerdict(IReadOnlyDictionary<EmailAddress, RecipientOutcome> Outcomes, Diagnosis? ServerTrouble, Diagnosis? MailProblem)
{
    /// <summary>What the mail asks of delivery status notifications was asked of the server: then it tells of success, and we do not.</summary>
    public bool DsnAsked { get; init; }

    /// <summary>False when the way to the server failed before this mail was named: then it cannot be the cause.</summary>
    public bool WasNamed { get; init; } = true;

    /// <summary>What the attempt showed of the sender: taken, or refused because the account may not send as it; with the server's words. Null: nothing.</summary>
    public (bool Allowed, string? Reply)? SendAs =>
        Outcomes.Values.OfType<RecipientOutcome.Accepted>().FirstOrDefault() is { } accepted ? (true, accepted.Reply?.ToString())
        : Outcomes.Values.OfType<RecipientOutcome.Refused>().FirstOrDefault(refused => SmtpDoctor.ExplainReply(refused.Reply, "DATA").Problem.Code == "smtp-send-as-denied") is { } denied ? (false, denied.Reply.ToString()) : null;

    /// <summary>Reads the dialogue's result. Pure.</summary>
    public static AttemptVerdict Of(IReadOnlyList<EmailAddress> offered, SmtpSendResult result, string host, int port)
    {
        var outcomes = offered.Distinct().ToDictionary(recipient => recipient, _ => (RecipientOutcome)new RecipientOutcome.NotOffered());
        Diagnosis? mailProblem = null;
        Diagnosis? serverTrouble = null;

        foreach (var answer in result.Recipients)
        {
            if (!outcomes.ContainsKey(answer.Recipient)) continue;
            if (answer.Accepted)
            {
                outcomes[answer.Recipient] = new RecipientOutcome.Accepted(result.FinalReply ?? answer.Reply);
            }
            else if (answer.Reply is { IsPositive: false } refusal)
            {
                var why = SmtpDoctor.ExplainReply(refusal, "RCPT");
                if (why.Scope == FaultScope.Server)
                {
                    serverTrouble ??= why;
                    continue;
                }

                outcomes[answer.Recipient] = refusal.IsTransient ? new RecipientOutcome.Deferred(refusal) : new RecipientOutcome.Refused(refusal);
                mailProblem ??= why;
            }
        }

        if (result.Failure is not { } failure) return new(outcomes, serverTrouble, mailProblem);

        var open = outcomes.Where(pair => pair.Value is RecipientOutcome.NotOffered).Select(pair => pair.Key).ToList();
        if (failure.MessageMayBeTaken)
        {
            foreach (var recipient in open) outcomes[recipient] = new RecipientOutcome.Unknown(failure.Detail);
            return new(outcomes, SmtpDoctor.Explain(failure, host, port), mailProblem);
        }

        // Every recipient has its own answer: the failure of the whole adds nothing.
        if (open.Count == 0) return new(outcomes, serverTrouble, mailProblem);

        var diagnosis = SmtpDoctor.Explain(failure, host, port);
        if (diagnosis.Scope != FaultScope.Message || failure.Reply is not { } reply) return new(outcomes, serverTrouble ?? diagnosis, mailProblem);

        foreach (var recipient in open)
            outcomes[recipient] = reply.IsTransient ? new RecipientOutcome.Deferred(reply) : new RecipientOutcome.Refused(reply);
        return new(outcomes, serverTrouble, mailProblem ?? diagnosis);
    }

    /// <summary>Nothing was offered: the way to the server failed before the message.</summary>
    public static AttemptVerdict NotReached(IReadOnlyList<EmailAddress> offered, Diagnosis trouble) =>
        new(offered.Distinct().ToDictionary(recipient => recipient, _ => (RecipientOutcome)new RecipientOutcome.NotOffered()), trouble, null) { WasNamed = false };

    /// <summary>There was nobody to offer it to.</summary>
    public static AttemptVerdict Nobody { get; } = new(new Dictionary<EmailAddress, RecipientOutcome>(), null, null);

    /// <summary>It is refused here, for everybody, in a server's stead.</summary>
    public static AttemptVerdict NotToBeOffered(IReadOnlyList<EmailAddress> recipients, SmtpReply reply, Diagnosis why) =>
        new(recipients.ToDictionary(recipient => recipient, _ => (RecipientOutcome)new RecipientOutcome.Refused(reply)), null, why);
}
