using Postrider.Conversations;
using Postrider.Mail;
using Postrider.Mail.Reports;

namespace Postrider.IncomingMail;

/// <summary>A place for a new conversation.</summary>
/// <param name="Inbox">Null: in no inbox.</param>
/// <param name="Alias">The alias that led there; null: the incoming server's default.</param>
internal sealed record NewPlace(InboxId? Inbox, Alias? Alias);

/// <summary>Where a received mail belongs, and why.</summary>
internal abstract record Route(string Explanation)
{
    /// <summary>An answer: joins the conversation.</summary>
    public sealed record Reply(ConversationId Conversation, InboxId? Inbox, string Explanation) : Route(Explanation)
    {
        /// <summary>The mail whose signed reply address let in a sender who took no part; null: the sender did.</summary>
        public Guid? LetInBy { get; init; }
    }

    /// <summary>A conversation of its own in each of these places.</summary>
    public sealed record New(IReadOnlyList<NewPlace> Places, string Explanation) : Route(Explanation);

    /// <summary>A program's answer: goes where a person's would, is marked, and never answered.</summary>
    /// <param name="Within">A reply, a new conversation, or quarantine where it has no place.</param>
    public sealed record Automatic(Route Within, string Explanation) : Route(Explanation);

    /// <summary>A mail server's report. <paramref name="Verified"/>: it names a recipient that mail really had.</summary>
    /// <param name="About">The mail of ours it is about; null: none that stands in a conversation.</param>
    public sealed record Report(KnownMessage? About, bool Verified, string Explanation) : Route(Explanation);

    /// <summary>A mail of ours was displayed, deleted and the like.</summary>
    /// <param name="About">Null: it is about no mail that stands in a conversation, or comes from somebody that mail did not go to.</param>
    public sealed record Receipt(KnownMessage? About, string Explanation) : Route(Explanation);

    /// <summary>A complaint about a mail of ours.</summary>
    /// <param name="Within">Where it goes as a message for people.</param>
    public sealed record Complaint(Route Within, string Explanation) : Route(Explanation);

    /// <summary>The same message came before, perhaps through another mailbox.</summary>
    public sealed record Duplicate(KnownMessage Of, string Explanation) : Route(Explanation);

    /// <summary>A mail of ours that came back to us.</summary>
    public sealed record OwnCopy(KnownMessage Of, string Explanation) : Route(Explanation);

    /// <summary>It goes in circles. It waits for a person.</summary>
    /// <param name="ByVolume">Its sender wrote too much; else it answers an automatic answer of ours.</param>
    public sealed record Loop(bool ByVolume, string Explanation) : Route(Explanation);

    /// <summary>An address that does not accept it. The sender may be told; it waits for a person.</summary>
    /// <param name="By">The address.</param>
    /// <param name="Alias">Null: the catchall address.</param>
    public sealed record Refused(string By, Alias? Alias, string Explanation) : Route(Explanation);

    /// <summary>A person has to look at it.</summary>
    public sealed record Quarantine(string ProblemCode, string Explanation) : Route(Explanation);
}

/// <summary>Decides where a received mail belongs. Pure; the order of the rules is that of docs/flows/receive-a-mail.md, step 5.</summary>
internal static class RouteDecision
{
    /// <summary>Stands in the Message-ID of every automatic answer of ours: what names one answers a machine.</summary>
    public const string LoopTag = "-loop-detection-bounce-email@";

    // In Message-IDs of Odoo: answers to such a mail belong to no record.
    private const string NoThread = "reply_to";

    public static Route For(ReceivedMail mail, RouteQuestion question)
    {
        // 1 it came before, or it is our own
        if (SameAs(mail, question.Known) is { } same) return same;

        // 2 it answers an automatic answer of ours
        if (new[] { mail.MessageId, mail.OriginalMessageId }.Concat(mail.Answers).OfType<string>().FirstOrDefault(id => id.Contains(LoopTag, StringComparison.OrdinalIgnoreCase)) is { } tagged)
            return new Route.Loop(ByVolume: false, $"It answers <{tagged}>, an automatic answer of the hub.");

        // 3 it tells of another mail
        if (mail.Report is { } report) return ForReport(report, question.Known);
        if (mail.Receipt is { } receipt) return ForReceipt(mail, receipt, question.Known);
        if (mail.Complaint is { } complaint) return ForComplaint(mail, complaint, question);
        if (mail.AnswersByItself) return Automatic(mail, question);
        if (mail.LooksLikeServersReport) return new Route.Report(null, Verified: false, "A mail server wrote it, but it does not say what became of which mail.");
        if (mail.DeliveredTo.Concat(mail.To.Select(t => t.Address)).FirstOrDefault(question.Own.IsBounce) is { } bounce) return new Route.Report(null, Verified: false, $"It was sent to {bounce}, the address for delivery failures, and is no report that can be read.");

        return Placed(mail, question);
    }

    /// <summary>After <see cref="For"/>: a sender who writes too much to one place is not let in there.</summary>
    /// <param name="volume">In the place that <paramref name="route"/> names.</param>
    public static Route Bounded(Route route, ReceivedMail mail, SenderVolume volume)
    {
        if (volume.Unbounded || volume.InTarget < volume.Threshold) return route;
        var where = (route as Route.Automatic)?.Within ?? route;
        return where switch
        {
            Route.New => new Route.Loop(ByVolume: true, $"{mail.Sender?.Address} began {volume.InTarget} conversations there within {volume.Minutes} minutes; from {volume.Threshold} on that counts as a loop."),
            Route.Reply => new Route.Loop(ByVolume: true, $"{mail.Sender?.Address} wrote {volume.InTarget} messages in that conversation within {volume.Minutes} minutes; from {volume.Threshold} on that counts as a loop."),
            _ => route,
        };
    }

    private static Route? SameAs(ReceivedMail mail, IReadOnlyList<KnownMessage> known)
    {
        foreach (var same in known)
        {
            if (same.Direction == MessageDirection.Outgoing)
            {
                // Under another Message-ID too: a server may have given it one; ours stands in References, and our mark in the header.
                if (!Bears(mail, same.HeaderId) && (mail.PostriderId is null || mail.PostriderId != same.OutboxMail)) continue;
                // Whoever learnt our Message-ID could make a mail vanish as "ours", so the author must be ours too.
                if (mail.Sender?.Address.Normalized is { } sentBy && (sentBy == same.AuthorNormalized || sentBy == same.SentFrom)) return new Route.OwnCopy(same, "It is a mail that was sent from here.");
            }
            // A Message-ID alone proves nothing: only the same content makes it a second copy (IMP-12).
            else if (Bears(mail, same.HeaderId) && same.Fingerprint is { } fingerprint && fingerprint.AsSpan().SequenceEqual(mail.Fingerprint)) return new Route.Duplicate(same, "The same message came before: Message-ID, sender, subject and body are equal.");
        }
        return null;
    }

    private static Route.Report ForReport(MailReport report, IReadOnlyList<KnownMessage> known)
    {
        var word = report.Kind switch { ReportKind.Failed => "It is a delivery report", ReportKind.Delayed => "It is a report that delivery takes longer", _ => "It is a report of a delivery" };
        if (Named(report, known) is not { } about) return new Route.Report(null, Verified: false, word + ", but on no mail that was sent from a conversation.");
        var verified = report.Recipients.Any(r => r.Recipient is { } address && about.Recipients.Contains(address.Normalized));
        return new Route.Report(about, verified, verified ? $"{word} on <{about.HeaderId}>." : $"It says it is a delivery report on <{about.HeaderId}>, but names no recipient of that mail: unverified.");
    }

    private static Route.Receipt ForReceipt(ReceivedMail mail, MailReport receipt, IReadOnlyList<KnownMessage> known)
    {
        if (Named(receipt, known) is not { } about) return new Route.Receipt(null, "It is a receipt for no mail that was sent from a conversation.");
        return mail.Sender is { } sender && (about.Recipients.Contains(sender.Address.Normalized) || about.SenderTakesPart)
            ? new Route.Receipt(about, $"It is a receipt for <{about.HeaderId}>.")
            : new Route.Receipt(null, $"It is a receipt for <{about.HeaderId}>, from somebody that mail did not go to.");
    }

    private static Route.Complaint ForComplaint(ReceivedMail mail, MailReport complaint, RouteQuestion question) =>
        Named(complaint, question.Known) is { } about
            ? new Route.Complaint(new Route.Reply(about.Conversation, about.Inbox, ""), $"It is a complaint about <{about.HeaderId}>.")
            : new Route.Complaint(Unrefused(Placed(mail, question)), "It is a complaint about no mail that was sent from a conversation.");

    private static Route.Automatic Automatic(ReceivedMail mail, RouteQuestion question)
    {
        var within = Unrefused(Placed(mail, question));
        return new Route.Automatic(within, $"A program answered. {within.Explanation}");
    }

    // A program is never told anything, and what it wrote waits for a person.
    private static Route Unrefused(Route route) => route is Route.Refused refused ? new Route.Quarantine(IncomingMailProblems.AutomaticNotPlaced, refused.Explanation) : route;

    private static KnownMessage? Named(MailReport report, IReadOnlyList<KnownMessage> known)
    {
        foreach (var id in report.OriginalIds)
            if (known.FirstOrDefault(k => k.HeaderId == id && k.Direction == MessageDirection.Outgoing) is { } about) return about;
        return null;
    }

    /// <summary>Mail that is for people: an answer, or something new.</summary>
    private static Route Placed(ReceivedMail mail, RouteQuestion question)
    {
        if (mail.Sender is not { } sender) return new Route.Quarantine(IncomingMailProblems.NoSender, "Its From field holds no address that can be read.");
        var route = PlacedOf(mail, sender.Address, question);
        return mail.SenderCheck == SenderCheck.Failed ? route with { Explanation = $"{route.Explanation} The domain of {sender.Address} disowns this mail (DMARC failed): its sender counts as a stranger." } : route;
    }

    private static Route PlacedOf(ReceivedMail mail, EmailAddress sender, RouteQuestion question)
    {
        var named = Matches(mail.Recipients, question);

        // 4 an answer
        var (reply, why) = Answer(mail, sender, question, named);
        if (reply is not null)
        {
            // 5 that was sent on to another alias: a matter of its own
            var others = reply.LetInBy is null && question.Signed is null ? Forwards(mail, reply, question) : [];
            if (others.Count > 0) return Deliver(others, sender, mail, question, $"It answers a message of another conversation, and was sent on to {string.Join(", ", others.Select(o => o.Alias.Address))}.");
            foreach (var (alias, address) in named)
                if (alias.Inbox == reply.Inbox && !Admits(alias, mail, question, belongs: Belongs(mail, reply.Conversation, question))) return RefusedBy(alias, address, sender);
            return reply;
        }

        // 6 to the catchall address and nobody else
        var to = mail.DeliveredTo.Concat(mail.To.Select(t => t.Address)).ToList();
        if (to.Count > 0 && to.TrueForAll(question.Own.IsCatchall)) return ToCatchall(to[0], why);

        // 7 aliases
        if (named.Count > 0) return Deliver(named, sender, mail, question, why);

        // 8 what the incoming server says
        if (question.Default is { } target) return new Route.New([new NewPlace(target.Inbox, null)], why);

        // 9 nobody takes it
        return to.Find(question.Own.IsCatchall) is { } catchall ? ToCatchall(catchall, why) : new Route.Quarantine(IncomingMailProblems.NoRoute, why + " It names no alias, and its incoming mail server has no default.");
    }

    private static Route.Refused ToCatchall(EmailAddress catchall, string why) => new(catchall.ToString(), null, $"{why} {catchall} is the catchall address, which takes answers only.");

    private static (Route.Reply? Reply, string Why) Answer(ReceivedMail mail, EmailAddress sender, RouteQuestion question, List<(Alias Alias, EmailAddress Address)> named)
    {
        if (question.Signed is { } signed)
        {
            if (Belongs(signed.Answered, question) || signed.Answered.Recipients.Contains(sender.Normalized)) return (new Route.Reply(signed.Answered.Conversation, signed.Answered.Inbox, $"It came to the reply address of <{signed.Answered.HeaderId}>."), "");
            if (!signed.UsedByAnother) return (new Route.Reply(signed.Answered.Conversation, signed.Answered.Inbox, $"It came to the reply address of <{signed.Answered.HeaderId}>, which {sender} knows.") { LetInBy = signed.Answered.OutboxMail }, "");
        }

        string? refused = null;
        foreach (var id in mail.Answers)
        {
            if (id.Contains(NoThread, StringComparison.OrdinalIgnoreCase)) continue;
            // One message may stand in several conversations: that of an alias it was sent to comes first.
            KnownMessage? joined = null;
            foreach (var answered in question.Known)
            {
                if (answered.HeaderId != id) continue;
                if (!MayJoin(answered, sender, mail.SenderCheck, question)) refused ??= id;
                else if (joined is null || (joined.Inbox != answered.Inbox && named.Any(n => n.Alias.Inbox == answered.Inbox))) joined = answered;
            }
            if (joined is not null) return (new Route.Reply(joined.Conversation, joined.Inbox, joined.SenderTakesPart ? $"It answers <{id}>, and {sender} takes part in that conversation." : Belongs(joined, question) ? $"It answers <{id}>, and {sender} follows that conversation." : $"It answers <{id}>, which was sent to {sender}."), "");
        }

        // What answers this came first.
        if (mail.SenderCheck != SenderCheck.Failed && question.Waiting.FirstOrDefault(w => w.AuthorNormalized == sender.Normalized || mail.Recipients.Any(r => r.Normalized == w.AuthorNormalized)) is { } waiting)
            return (new Route.Reply(waiting.Conversation, waiting.Inbox, "A message that answers this one came before it."), "");

        return (null, refused is not null ? $"It names <{refused}>, but {sender} takes no part in that conversation." : mail.Answers.Count == 0 ? "It answers no message." : "It answers a message that is not known here.");
    }

    /// <summary>The sender takes part in its conversation or follows it.</summary>
    private static bool Belongs(KnownMessage answered, RouteQuestion question) => answered.SenderTakesPart || question.Followed.Contains(answered.Conversation);

    /// <summary>A forged sender neither takes part nor follows: only a Message-ID of ours, which nobody else can know, speaks for it.</summary>
    private static bool MayJoin(KnownMessage answered, EmailAddress sender, SenderCheck check, RouteQuestion question) =>
        (Belongs(answered, question) && (check != SenderCheck.Failed || answered.Direction == MessageDirection.Outgoing)) || (answered.Direction == MessageDirection.Outgoing && answered.Recipients.Contains(sender.Normalized));

    /// <summary>Aliases in To that lead elsewhere than to the conversation.</summary>
    private static List<(Alias Alias, EmailAddress Address)> Forwards(ReceivedMail mail, Route.Reply reply, RouteQuestion question)
    {
        var answered = question.Known.Where(k => k.Conversation == reply.Conversation).ToList();
        return [.. Matches([.. mail.To.Select(t => t.Address)], question).Where(m =>
            // A conversation in no inbox is not left for an alias that an ordinary answer names; only for one it is forwarded to.
            (reply.Inbox is { } inbox ? m.Alias.Inbox != inbox : ThreadSubject.IsForward(mail.Subject))
            // The address our mail left with is where its answers come.
            && !answered.Exists(a => a.Direction == MessageDirection.Outgoing && (a.SentFrom ?? a.AuthorNormalized) == m.Address.Normalized))];
    }

    private static Route Deliver(List<(Alias Alias, EmailAddress Address)> matches, EmailAddress sender, ReceivedMail mail, RouteQuestion question, string why)
    {
        List<NewPlace> places = [];
        List<string> by = [], refusing = [];
        foreach (var (alias, _) in matches)
        {
            if (!Admits(alias, mail, question, belongs: false))
            {
                refusing.Add(alias.Address);
                continue;
            }
            by.Add(alias.Address);
            if (!places.Exists(p => p.Inbox == alias.Inbox)) places.Add(new NewPlace(alias.Inbox, alias));
        }
        if (places.Count == 0) return RefusedBy(matches[0].Alias, matches[0].Address, sender);
        var led = $"{why} {string.Join(" and ", by)} {(by.Count == 1 ? "leads" : "lead")} to {string.Join(" and ", places.Select(p => p.Alias!.InboxName))}.";
        return new Route.New(places, refusing.Count == 0 ? led : $"{led} {string.Join(", ", refusing)} does not accept mail of {sender}.");
    }

    private static Route.Refused RefusedBy(Alias alias, EmailAddress address, EmailAddress sender) => new(address.ToString(), alias,
        alias.Rule == ContactRule.KnownContacts ? $"{alias.Address} accepts mail of known contacts only, and {sender} is none." : $"{alias.Address} accepts mail of followers only, and {sender} is none.");

    private static bool Admits(Alias alias, ReceivedMail mail, RouteQuestion question, bool belongs) => alias.Rule switch
    {
        ContactRule.Everyone => true,
        _ when mail.SenderCheck == SenderCheck.Failed => false,
        ContactRule.KnownContacts => question.SenderIsContact || question.SenderIsUser,
        _ => question.SenderIsUser || belongs,
    };

    private static bool Belongs(ReceivedMail mail, ConversationId conversation, RouteQuestion question) =>
        question.Followed.Contains(conversation) || question.Known.Any(k => k.Conversation == conversation && (k.SenderTakesPart || (mail.Sender is { } sender && k.Recipients.Contains(sender.Address.Normalized)))) || question.Signed?.Answered.Conversation == conversation;

    /// <summary>The aliases that recipients name, each once, in the order of the recipients: by the whole local part, else by what stands before a plus.</summary>
    private static List<(Alias Alias, EmailAddress Address)> Matches(IReadOnlyList<EmailAddress> recipients, RouteQuestion question)
    {
        List<(Alias Alias, EmailAddress Address)> matches = [];
        if (question.Aliases.Count == 0) return matches;
        foreach (var recipient in recipients)
        {
            var domain = AliasName.DomainOf(recipient);
            var local = AliasName.LocalPartOf(recipient);
            var before = matches.Count;
            Add(local);
            if (matches.Count == before && AliasName.PlusLess(recipient) is var plusLess && plusLess != local) Add(plusLess);

            void Add(string name)
            {
                foreach (var alias in question.Aliases)
                    if (alias.Active && alias.Name == name && (alias.Domain.Length == 0 ? question.Own.IsAllowed(domain) : alias.Domain == domain) && !matches.Exists(m => m.Alias.Id == alias.Id)) matches.Add((alias, recipient));
            }
        }
        return matches;
    }

    private static bool Bears(ReceivedMail mail, string headerId) => mail.MessageId == headerId || mail.OriginalMessageId == headerId;
}
