using Postrider.Mail.Mime;

namespace Postrider.Mail.Reports;

/// <summary>Whether a person wrote a message, and whether a program may answer it.</summary>
/// <param name="IsAutomaticAnswer">A program answered a mail of ours: away, received and so on. A header says so, not a subject alone.</param>
/// <param name="MayAnswer">False: an automatic answer to it could reach a list, another program, or nobody (RFC 3834 section 2).</param>
/// <param name="Reasons">One sentence each, for people; empty when a person wrote it and may be answered.</param>
public sealed record AutomaticMail(bool IsAutomaticAnswer, bool MayAnswer, IReadOnlyList<string> Reasons)
{
    // As mail programs and servers write them at the start of an answer's subject. A weak sign: people write them too.
    private static readonly string[] Subjects =
    [
        "automatic reply", "auto reply", "auto-reply", "autoreply", "auto:", "autoreply:", "out of office", "out of the office", "ooo:", "automatische antwort", "abwesen", "abwesenheits", "réponse automatique", "absence du bureau", "respuesta automática", "fuera de la oficina", "risposta automatica", "fuori sede",
        "automatisch antwoord", "afwezig", "resposta automática", "fora do escritório", "autosvar", "automatisk svar", "automatiskt svar", "automaattinen vastaus", "automatyczna odpowiedź", "odpowiedź automatyczna", "автоматический ответ", "автоответ", "自动答复", "自動回覆", "自動応答", "自动回复", "자동 회신", "otomatik yanıt", "automatická odpověď", "vacation",
    ];

    public static AutomaticMail Of(MimeMessage message)
    {
        var reasons = new List<string>();
        var (answer, may) = (false, true);

        // RFC 3834 section 5: the first word tells; "no" is the only one that says a person wrote it.
        var submitted = message.Header("Auto-Submitted")?.Split(';', ' ')[0].Trim().ToLowerInvariant();
        if (submitted is { Length: > 0 } and not "no")
        {
            may = false;
            answer = submitted == "auto-replied";
            reasons.Add($"Auto-Submitted says {submitted}.");
        }
        // Exchange marks what a mailbox's own rule made.
        if (Has(message, "X-MS-Exchange-Inbox-Rules-Loop")) No("A mailbox rule of Exchange made it.", automatic: false);
        foreach (var name in (ReadOnlySpan<string>)["X-Autoreply", "X-Autorespond", "X-AutoReply-From", "X-Autoresponder", "X-Mail-Autoreply", "X-FC-MachineGenerated", "X-Vacation"])
            if (message.Header(name)?.Trim() is { Length: > 0 } value && !value.Equals("no", StringComparison.OrdinalIgnoreCase)) No($"{name} stands in its header.", automatic: true);
        var precedence = message.Header("Precedence")?.Trim().ToLowerInvariant();
        if (precedence is "auto_reply" or "auto-reply") No("Precedence says it is an automatic answer.", automatic: true);
        else if (precedence is "bulk" or "junk" or "list") No($"Precedence says {precedence}.", automatic: false);
        if (Has(message, "List-Id") || Has(message, "List-Unsubscribe") || Has(message, "List-Post") || Has(message, "Mailing-List")) No("It came through a list.", automatic: false);
        if (Has(message, "X-Loop")) No("X-Loop stands in its header.", automatic: false);
        if (message.Header("Return-Path")?.Trim() is "<>") No("It has an empty return path.", automatic: false);
        if (message.From is [var from, ..] && from.Address.LocalPart.ToLowerInvariant() is "mailer-daemon" or "postmaster" or "noreply" or "no-reply" or "donotreply" or "do-not-reply") No($"Nobody reads answers to {from.Address}.", automatic: false);
        if (message.Root.MediaType is "multipart/report") No("It is a report.", automatic: false);

        // Asks others not to answer, and is set by Exchange on people's mail as well: no word on who wrote it.
        var suppress = message.Header("X-Auto-Response-Suppress")?.Split(',').Select(w => w.Trim().ToLowerInvariant()).ToList();
        if (suppress is not null && (suppress.Contains("all") || suppress.Contains("autoreply") || suppress.Contains("oof"))) No("X-Auto-Response-Suppress asks for no automatic answer.", automatic: false);
        // Exchange's out-of-office answers carry both; the subject alone proves nothing.
        var subject = (message.Subject ?? "").TrimStart().ToLowerInvariant();
        if (!answer && message.Root.MediaType != "multipart/report" && Subjects.Any(s => subject.StartsWith(s, StringComparison.Ordinal)) && (suppress is not null || message.Header("Return-Path")?.Trim() is "<>" || submitted is { Length: > 0 } and not "no"))
            No("Its subject is that of an automatic answer, and its header agrees.", automatic: true);
        return new(answer, may, reasons);

        void No(string reason, bool automatic)
        {
            may = false;
            answer |= automatic;
            reasons.Add(reason);
        }
    }

    private static bool Has(MimeMessage message, string name) => message.Root.Find(name) is not null;
}
