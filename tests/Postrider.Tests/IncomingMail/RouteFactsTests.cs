using System.Text;
using System.Text.Json;
using Postrider.IncomingMail;

namespace Postrider.Tests.IncomingMail;

/// <summary>The decision against a second reading of its rules, written from their words alone: lists of strings and no type of the hub.</summary>
public sealed class RouteFactsTests
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);
    private static readonly string[] Domains = ["example.com", "other.example", "third.example"];
    private static readonly string[] Names = ["sales", "support", "jobs", "catchall", "bounce", "nobody", "Sales"];
    private static readonly string[] Rules = ["everyone", "known-contacts", "followers"];
    private static readonly string[] Targets = ["Sales", "Support", "Jobs"];
    private static readonly string[] People = ["ann@x.example", "ben@x.example", "cy@staff.example"];
    private static readonly string[] Checks = ["", "", "", "dmarc=pass action=none header.from=x.example", "spf=fail; dmarc=fail action=none header.from=x.example"];

    [Fact]
    public void Twenty_thousand_cases_are_decided_alike()
    {
        var random = new Random(20261128);
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var n = 0; n < 20_000; n++)
        {
            var one = Mail.Any(random);
            var answer = JsonSerializer.Deserialize<IncomingCase>(one.Case(), Web)!.Answer();
            var (outcome, place) = one.Read();
            Assert.True((outcome, place) == (answer.Outcome, answer.Outcome == "reply" ? answer.Conversation : answer.Target), $"{outcome} {place} expected\n{one.Case()}\n{answer}");
            seen[outcome] = seen.GetValueOrDefault(outcome) + 1;
        }

        // Every outcome was really met.
        Assert.All(["reply", "new", "bounce", "receipt", "automatic", "refused", "quarantine", "duplicate", "loop"], outcome => Assert.True(seen.GetValueOrDefault(outcome) > 100, $"{outcome}: {seen.GetValueOrDefault(outcome)}"));
    }

    private sealed class Mail
    {
        private string from = "", subject = "s", check = "", kind = "plain";
        private string? id, inReplyTo, defaultTarget, allowed;
        private bool withCatchall, withBounce;
        private List<string> to = [], cc = [], references = [], contacts = [], users = [];
        private List<(string Name, string Domain, string Target, string Rule)> aliases = [];
        private List<(string Id, string Conversation, string Kind, string Target, List<string> Participants, List<string> Followers)> known = [];

        public static Mail Any(Random random)
        {
            string Pick(string[] from) => from[random.Next(from.Length)];
            List<string> Some(int most, Func<string> one) => [.. Enumerable.Range(0, random.Next(most + 1)).Select(_ => one())];
            var mail = new Mail
            {
                from = Pick(People), check = Pick(Checks), id = random.Next(8) == 0 ? "k1@x" : "new@x", subject = random.Next(4) == 0 ? "Fwd: s" : "Re: s",
                to = Some(2, () => $"{Pick(Names)}@{Pick(Domains)}"), cc = Some(1, () => $"{Pick(Names)}@{Pick(Domains)}"),
                kind = Pick(["plain", "plain", "plain", "plain", "plain", "plain", "away", "failed", "delayed", "read"]),
                inReplyTo = random.Next(3) == 0 ? Pick(["k1@x", "k2@x", "unknown@x", "t-loop-detection-bounce-email@x"]) : null, references = [.. Some(3, () => Pick(["k1@x", "k2@x", "k3-reply_to@x", "unknown@x"])).Distinct()],
                defaultTarget = random.Next(3) == 0 ? Pick(Targets) : null, withCatchall = random.Next(3) > 0, withBounce = random.Next(3) > 0, allowed = random.Next(3) == 0 ? "other.example, " : null,
                contacts = Some(2, () => Pick(People)), users = Some(1, () => Pick(People)),
            };
            foreach (var name in Names.Take(3).Where(_ => random.Next(2) == 0)) mail.aliases.Add((name, random.Next(3) == 0 ? "" : Pick(Domains), Pick(Targets), Pick(Rules)));
            foreach (var one in (string[])["k1@x", "k2@x", "k3-reply_to@x"])
                if (random.Next(2) == 0) mail.known.Add((one, "c" + one[1], Pick(["outgoing", "incoming"]), Pick(Targets), Some(3, () => Pick(People)), Some(1, () => Pick(People))));
            return mail;
        }

        public string Case()
        {
            var text = new StringBuilder();
            if (check.Length > 0) text.Append("Authentication-Results: ").Append(check).Append("\r\n");
            text.Append($"From: {from}\r\nMessage-ID: <{id}>\r\nSubject: {subject}\r\n");
            if (to.Count > 0) text.Append($"To: {string.Join(", ", to)}\r\n");
            if (cc.Count > 0) text.Append($"Cc: {string.Join(", ", cc)}\r\n");
            if (inReplyTo is not null) text.Append($"In-Reply-To: <{inReplyTo}>\r\n");
            if (references.Count > 0) text.Append($"References: {string.Join(" ", references.Select(r => $"<{r}>"))}\r\n");
            text.Append(kind switch
            {
                "away" => "Auto-Submitted: auto-replied\r\n\r\naway\r\n",
                "failed" or "delayed" => $"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; m\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: {kind}\r\nStatus: 5.0.0\r\n\r\n--b--\r\n",
                "read" => "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n",
                _ => "\r\nhello\r\n",
            });
            return JsonSerializer.Serialize(new
            {
                id = "1",
                raw = Convert.ToBase64String(Encoding.ASCII.GetBytes(text.ToString())),
                parameters = new Dictionary<string, string?> { ["mail.catchall.domain"] = "example.com", ["mail.catchall.alias"] = withCatchall ? "catchall" : null, ["mail.bounce.alias"] = withBounce ? "bounce" : "", ["mail.catchall.domain.allowed"] = allowed },
                aliases = aliases.Select(a => new { name = a.Name, domain = a.Domain, target = a.Target, contactRule = a.Rule }),
                known = known.Select(k => new { messageId = k.Id, conversation = k.Conversation, kind = k.Kind, target = k.Target, participants = k.Participants, followers = k.Followers }),
                contacts, users, defaultTarget,
            });
        }

        /// <summary>The rules, one after the other.</summary>
        public (string Outcome, string? Place) Read()
        {
            // 1 the same message came before, or it is ours
            if (known.Exists(k => k.Id == id)) return ("duplicate", null);
            // 2 it names an automatic answer of ours
            List<string> answers = [.. inReplyTo is null ? Array.Empty<string>() : [inReplyTo], .. Enumerable.Reverse(references)];
            if (answers.Exists(a => a.Contains("-loop-detection-bounce-email@", StringComparison.Ordinal))) return ("loop", null);
            // 3 reports, and what is sent to the address for them
            if (kind == "failed") return ("bounce", null);
            if (kind is "delayed" or "read") return ("receipt", null);
            if (kind != "away" && withBounce && to.Contains("bounce@example.com")) return ("bounce", null);
            var (outcome, place) = Placed(answers);
            return kind != "away" ? (outcome, place) : ("automatic", outcome == "new" ? place : null);
        }

        private (string Outcome, string? Place) Placed(List<string> answers)
        {
            var forged = check.Contains("dmarc=fail", StringComparison.Ordinal) && from.EndsWith("@x.example", StringComparison.Ordinal);
            var isContact = contacts.Contains(from) && !forged;
            var isUser = users.Contains(from) && !forged;
            // 4 an answer: In-Reply-To, then the newest reference; only of somebody who takes part or follows, and of a forged sender only to mail of ours
            var answered = answers.Where(a => !a.Contains("reply_to", StringComparison.Ordinal)).Select(a => known.FindIndex(k => k.Id == a && (k.Participants.Contains(from) || k.Followers.Contains(from)) && (!forged || k.Kind == "outgoing"))).FirstOrDefault(i => i >= 0, -1);
            if (answered >= 0)
            {
                var conversation = known[answered];
                // 5 sent on to an alias of another inbox in To
                var others = Named(to).Where(a => a.Target != conversation.Target).ToList();
                if (others.Count > 0) return Delivered(others, isContact, isUser);
                foreach (var alias in Named([.. to, .. cc]).Where(a => a.Target == conversation.Target))
                    if (alias.Rule != "everyone" && (forged || !(isUser || (alias.Rule == "known-contacts" ? isContact : true)))) return ("refused", null);
                return ("reply", conversation.Conversation);
            }

            // 6 nobody but the catchall address
            if (withCatchall && to.Count > 0 && to.TrueForAll(t => t == "catchall@example.com")) return ("refused", null);
            // 7 aliases
            if (Named([.. to, .. cc]) is { Count: > 0 } named) return Delivered(named, isContact, isUser);
            // 8 the incoming server's default
            if (defaultTarget is not null) return ("new", defaultTarget);
            // 9 the catchall address among others; else nobody
            return withCatchall && to.Contains("catchall@example.com") ? ("refused", null) : ("quarantine", null);
        }

        private static (string Outcome, string? Place) Delivered(List<(string Name, string Domain, string Target, string Rule)> named, bool isContact, bool isUser)
        {
            var taking = named.Where(a => a.Rule == "everyone" || isUser || (a.Rule == "known-contacts" && isContact)).ToList();
            return taking.Count == 0 ? ("refused", null) : ("new", taking[0].Target);
        }

        private List<(string Name, string Domain, string Target, string Rule)> Named(List<string> recipients)
        {
            List<(string Name, string Domain, string Target, string Rule)> named = [];
            foreach (var recipient in recipients.Select(r => r.ToLowerInvariant().Split('@')))
                foreach (var alias in aliases)
                {
                    var here = alias.Domain.Length > 0 ? alias.Domain == recipient[1] : allowed is null || recipient[1] is "other.example" or "example.com" || aliases.Exists(a => a.Domain == recipient[1]);
                    if (alias.Name == recipient[0] && here && !named.Contains(alias)) named.Add(alias);
                }
            return named;
        }
    }
}
