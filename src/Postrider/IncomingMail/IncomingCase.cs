using System.Security.Cryptography;
using System.Text;
using Postrider.Conversations;
using Postrider.Mail;
using Postrider.Mail.Content;
using Postrider.Mail.Mime;
using Postrider.Mail.Reports;
using Postrider.Settings;

namespace Postrider.IncomingMail;

/// <param name="Domain">Null or empty: any domain that counts as the hub's own.</param>
/// <param name="Target">An inbox's name.</param>
/// <param name="ContactRule"><c>everyone</c>, <c>known-contacts</c> or <c>followers</c>; null: everyone.</param>
internal sealed record IncomingCaseAlias(string? Name, string? Domain, string? Target, string? ContactRule = null);

/// <param name="Conversation">By any name.</param>
/// <param name="Kind"><c>outgoing</c> or <c>incoming</c>.</param>
/// <param name="From">The address it left with or came from; null: not told, and then whoever bears its Message-ID sent it.</param>
/// <param name="Target">The inbox it stands in; null: not told.</param>
/// <param name="Participants">Who takes part; null: not told, and then whoever answers does.</param>
/// <param name="Followers">Users who follow the conversation; null: none.</param>
internal sealed record IncomingCaseKnown(string? MessageId, string? Conversation, string? Kind = null, string? Target = null, IReadOnlyList<string?>? Participants = null, string? From = null, IReadOnlyList<string?>? Followers = null);

/// <summary>A mail to <see cref="RouteDecision"/> that brings its own settings: <c>postrider explain incoming --batch</c>.</summary>
/// <param name="Raw">The message in base64.</param>
/// <param name="Text">The message as text, or a body alone; read when there is no <paramref name="Raw"/>.</param>
/// <param name="Parameters">System parameters by key; those that play no part are passed over.</param>
/// <param name="Contacts">Addresses the hub has exchanged mail with.</param>
/// <param name="Users">Addresses of the hub's users.</param>
/// <param name="DefaultTarget">The inbox that the incoming server names; null: what answers nothing and names no alias goes to quarantine.</param>
internal sealed record IncomingCase(
    string Id, string? Raw = null, string? Text = null, IReadOnlyDictionary<string, string?>? Parameters = null, IReadOnlyList<IncomingCaseAlias>? Aliases = null, IReadOnlyList<IncomingCaseKnown>? Known = null,
    IReadOnlyList<string?>? Contacts = null, IReadOnlyList<string?>? Users = null, string? DefaultTarget = null)
{
    public IncomingAnswer Answer()
    {
        byte[] bytes;
        try
        {
            bytes = Raw is not null ? Convert.FromBase64String(Raw) : Text is not null ? BytesOf(Text) : [];
        }
        catch (FormatException)
        {
            return IncomingAnswer.Of(Id, "raw is not base64.");
        }
        if (Raw is null && Text is null) return IncomingAnswer.Of(Id, "The case has neither raw nor text.");

        var message = MimeMessage.Read(bytes);
        var servers = Parameter(KnownParameter.AuthenticationServers)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        var mail = ReceivedMail.Read(message, exchange: true, servers);
        var names = new Names(this);
        var route = RouteDecision.For(mail, Question(mail, names));
        return IncomingAnswer.Of(Id, message, mail, route, names);
    }

    private RouteQuestion Question(ReceivedMail mail, Names names)
    {
        var sender = mail.Sender?.Address;
        var domain = Parameter(KnownParameter.CatchallDomain);
        var aliases = names.Aliases;
        return new RouteQuestion
        {
            Known = [.. (Known ?? []).Where(known => known.MessageId is not null).Select(known => KnownOf(known, mail, names))],
            Followed = (Known ?? []).Where(known => Holds(known.Followers, sender)).Select(known => names.Conversation(known.Conversation)).ToHashSet(),
            Aliases = aliases,
            Own = new OwnAddresses(
                OwnAddress.Of(Parameter(KnownParameter.CatchallAlias), domain), OwnAddress.Of(Parameter(KnownParameter.BounceAlias), domain),
                OwnAddresses.AllowedDomains(Parameter(KnownParameter.CatchallDomainAllowed), [domain ?? "", .. aliases.Select(alias => alias.Domain)])),
            Default = DefaultTarget is { Length: > 0 } target ? new DefaultTarget(names.Inbox(target)) : null,
            SenderIsContact = Holds(Contacts, sender),
            SenderIsUser = Holds(Users, sender),
        };
    }

    private static KnownMessage KnownOf(IncomingCaseKnown known, ReceivedMail mail, Names names)
    {
        var outgoing = !string.Equals(known.Kind, "incoming", StringComparison.OrdinalIgnoreCase);
        var sender = mail.Sender?.Address;
        var participants = (known.Participants ?? []).Select(p => EmailAddress.TryParse(p, out var address) ? address.Normalized : null).OfType<string>().ToHashSet();
        return new KnownMessage(
            new ThreadMessageId(Guid.Empty), names.Conversation(known.Conversation), known.MessageId!.Trim().TrimStart('<').TrimEnd('>'), outgoing ? MessageDirection.Outgoing : MessageDirection.Incoming,
            // A case does not tell what the known message held, and need not tell who wrote it: what bears its id is taken for it.
            EmailAddress.TryParse(known.From, out var left) ? left.Normalized : sender?.Normalized ?? "", null, participants, mail.Fingerprint, SenderTakesPart: known.Participants is null || (sender is not null && participants.Contains(sender.Normalized)))
        {
            Inbox = known.Target is { Length: > 0 } target ? names.Inbox(target) : null,
        };
    }

    private static bool Holds(IReadOnlyList<string?>? addresses, EmailAddress? sender) =>
        sender is not null && (addresses ?? []).Any(text => AddressList.Parse(text).Addresses.Any(a => a.Address.Equals(sender)));

    private string? Parameter(string key) => Parameters?.GetValueOrDefault(key) is { Length: > 0 } value ? value : null;

    // A message begins with a field; a body alone is read as what a text part, or an HTML one, would hold.
    private static byte[] BytesOf(string text)
    {
        var firstLine = text.AsSpan(0, text.AsSpan().IndexOfAny('\r', '\n') is >= 0 and var end ? end : text.Length);
        var colon = firstLine.IndexOf(':');
        var isField = colon > 0 && firstLine[..colon].IndexOfAnyExceptInRange('!', '~') < 0;
        var header = text.AsSpan(0, EndOfHeader(text));
        var isMessage = isField && (Field(header, "from") || Field(header, "to") || Field(header, "subject") || Field(header, "message-id") || Field(header, "received") || Field(header, "mime-version") || Field(header, "content-type"))
            && EndOfHeader(text) < text.Length;
        if (isMessage) return Encoding.UTF8.GetBytes(text);
        var html = text.AsSpan().TrimStart() is ['<', ..] && text.Contains("</", StringComparison.Ordinal);
        return Encoding.UTF8.GetBytes($"MIME-Version: 1.0\r\nContent-Type: text/{(html ? "html" : "plain")}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}");
    }

    private static int EndOfHeader(string text)
    {
        var at = text.IndexOf("\n\n", StringComparison.Ordinal);
        var crlf = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return at < 0 ? (crlf < 0 ? text.Length : crlf) : crlf < 0 ? at : Math.Min(at, crlf);
    }

    private static bool Field(ReadOnlySpan<char> header, string name)
    {
        foreach (var line in header.EnumerateLines())
            if (line.Length > name.Length && line[name.Length] == ':' && line.StartsWith(name, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }

    /// <summary>The hub knows inboxes and conversations by ids, a case by names: places in a list stand for them.</summary>
    internal sealed class Names
    {
        private readonly List<string?> inboxes = [];
        private readonly List<string?> conversations = [];

        public Names(IncomingCase of)
        {
            foreach (var (alias, i) in (of.Aliases ?? []).Select((alias, i) => (alias, i)))
            {
                var (name, named) = AliasName.Of(alias.Name);
                if (name.Length == 0) continue;
                var domain = string.IsNullOrWhiteSpace(alias.Domain) ? named : alias.Domain.Trim();
                Aliases.Add(new Alias(
                    new AliasId(IdOf(i)), name, EmailAddress.TryParse("a@" + domain, out var on) ? AliasName.DomainOf(on) : domain.ToLowerInvariant(), Inbox(alias.Target ?? ""), alias.Target ?? "", ContactRules.Read(alias.ContactRule) ?? ContactRule.Followers, null, Active: true));
            }
        }

        public List<Alias> Aliases { get; } = [];

        // As in the hub, capital letters make no difference.
        public InboxId Inbox(string name) => new(IdOf(Place(inboxes, ThreadSubject.OneLine(name), StringComparer.OrdinalIgnoreCase)));

        public string? Inbox(InboxId? id) => id is { } inbox ? inboxes.Where((_, i) => IdOf(i) == inbox.Value).FirstOrDefault() : null;

        public ConversationId Conversation(string? name) => new(IdOf(Place(conversations, name, StringComparer.Ordinal)));

        public string? Conversation(ConversationId id) => conversations.Where((_, i) => IdOf(i) == id.Value).FirstOrDefault();

        private static int Place(List<string?> list, string? name, StringComparer alike)
        {
            var at = list.FindIndex(known => alike.Equals(known, name));
            if (at >= 0) return at;
            list.Add(name);
            return list.Count - 1;
        }

        private static Guid IdOf(int place) => new(place + 1, 0, 0, new byte[8]);
    }
}

/// <param name="Recipient">Null when the report names nobody that can be read.</param>
/// <param name="Class"><c>permanent</c>, <c>temporary</c> or <c>unknown</c> of what failed or is delayed; <c>delivered</c>; <c>complaint</c>.</param>
internal sealed record IncomingAnswerBounce(string? Recipient, string? Status, string Class);

/// <summary>A part that holds no others.</summary>
/// <param name="Size">Decoded bytes.</param>
/// <param name="Sha1">Of those, in hexadecimal: to compare with, not to rely on.</param>
internal sealed record IncomingAnswerPart(string Type, string? Charset, string? Filename, string? Disposition, long Size, string Sha1);

/// <param name="Outcome"><c>reply</c>, <c>new</c>, <c>bounce</c>, <c>receipt</c>, <c>automatic</c>, <c>refused</c>, <c>quarantine</c>, <c>duplicate</c> or <c>loop</c>; null when the case could not be read.</param>
/// <param name="Target">The inbox of a new conversation.</param>
/// <param name="Alias">The alias that led there or refused.</param>
/// <param name="ReplyText">What its writer wrote now, without signature and history; null when there is no text.</param>
/// <param name="Error">Null unless the case could not be read.</param>
internal sealed record IncomingAnswer(
    string? Id, string? Outcome, string? Conversation, string? Target, string? Alias, IReadOnlyList<IncomingAnswerBounce> Bounces, string? Sender, string? Subject, IReadOnlyList<string> Recipients, string? ReplyText,
    IReadOnlyList<IncomingAnswerPart> Parts, IReadOnlyList<string> Defects, string Explanation, string? Error)
{
    public static IncomingAnswer Of(string? id, string error) => new(id, null, null, null, null, [], null, null, [], null, [], [], error, error);

    public static IncomingAnswer Of(string id, MimeMessage message, ReceivedMail mail, Route route, IncomingCase.Names names)
    {
        var where = route switch { Route.Automatic automatic => automatic.Within, Route.Complaint complaint => complaint.Within, _ => route };
        var place = (where as Route.New)?.Places[0];
        var conversation = where switch
        {
            Route.Reply reply => names.Conversation(reply.Conversation),
            Route.Duplicate duplicate => names.Conversation(duplicate.Of.Conversation),
            Route.OwnCopy own => names.Conversation(own.Of.Conversation),
            Route.Report { About: { } about } => names.Conversation(about.Conversation),
            Route.Receipt { About: { } about } => names.Conversation(about.Conversation),
            _ => null,
        };
        return new(
            id, OutcomeOf(route, mail), conversation, place is null ? null : names.Inbox(place.Inbox), (place?.Alias ?? (where as Route.Refused)?.Alias)?.Address, BouncesOf(mail), mail.Sender?.Address.ToString(), mail.Subject,
            [.. mail.Recipients.Select(recipient => recipient.ToString())], ReplyOf(message, mail), PartsOf(message.Root), [.. message.Defects.Select(defect => defect.Detail)], route.Explanation, null);
    }

    private static string OutcomeOf(Route route, ReceivedMail mail) => route switch
    {
        Route.Reply => "reply",
        Route.New => "new",
        // Late is no bounce, where the report's own fields say so; words alone do not acquit.
        Route.Report => mail.Report is { } report && (report.Kind == ReportKind.Delivered || (report.Kind == ReportKind.Delayed && report.Recipients.Any(r => r.Source == ReportSource.Fields))) ? "receipt" : "bounce",
        Route.Receipt => "receipt",
        Route.Automatic or Route.Complaint => "automatic",
        Route.Refused => "refused",
        Route.Duplicate or Route.OwnCopy => "duplicate",
        Route.Loop => "loop",
        _ => "quarantine",
    };

    private static List<IncomingAnswerBounce> BouncesOf(ReceivedMail mail) =>
        [.. ((mail.Report ?? mail.Complaint)?.Recipients ?? []).Select(r => new IncomingAnswerBounce((r.Recipient ?? r.OriginalRecipient)?.ToString(), r.Status, ClassOf(r, mail.Complaint is not null)))];

    private static string ClassOf(ReportedRecipient recipient, bool complaint) =>
        complaint ? "complaint" : recipient.Action is "failed" or "delayed" ? recipient.Permanent switch { true => "permanent", false => "temporary", null => "unknown" } : "delivered";

    private static string? ReplyOf(MimeMessage message, ReceivedMail mail) =>
        message.TextBody is null && message.HtmlBody is { } html ? Postrider.Mail.Content.ReplyText.ReadHtml(html).New : mail.Text is { } text ? Postrider.Mail.Content.ReplyText.Read(text).New : null;

    private static List<IncomingAnswerPart> PartsOf(MimePart root)
    {
        List<IncomingAnswerPart> leaves = [];
        var pending = new Stack<MimePart>([root]);
        while (pending.TryPop(out var part))
        {
            if (part.Children.Count == 0)
            {
                var bytes = part.DecodeBytes();
#pragma warning disable CA5350 // A sum to compare parts by, as others print it; nothing is secured with it.
                leaves.Add(new(part.MediaType, part.Charset, part.FileName, part.Disposition, bytes.Length, Convert.ToHexStringLower(SHA1.HashData(bytes))));
#pragma warning restore CA5350
            }
            else
            {
                for (var i = part.Children.Count - 1; i >= 0; i--) pending.Push(part.Children[i]);
            }
        }
        return leaves;
    }
}
