using System.Text.Json;
using Postrider.Mail.Mime;
using Postrider.Mail.Reports;
using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Reports;

/// <summary>Bounces of sixty kinds of mail servers, with what two other readers agree on.</summary>
public sealed class BounceCorpusTests(ITestOutputHelper output)
{
    private static readonly Dictionary<string, BounceReason[]> Reasons = new(StringComparer.Ordinal)
    {
        ["userunknown"] = [BounceReason.MailboxUnknown], ["mailboxfull"] = [BounceReason.MailboxFull], ["expired"] = [BounceReason.Expired, BounceReason.Network], ["filtered"] = [BounceReason.Filtered, BounceReason.MailboxDisabled, BounceReason.MailboxUnknown],
        ["blocked"] = [BounceReason.Blocked], ["requireptr"] = [BounceReason.Blocked], ["badreputation"] = [BounceReason.Blocked, BounceReason.RateLimited], ["rejected"] = [BounceReason.SenderRejected, BounceReason.Blocked, BounceReason.RateLimited], ["hostunknown"] = [BounceReason.HostUnknown],
        ["networkerror"] = [BounceReason.Network, BounceReason.HostUnknown], ["policyviolation"] = [BounceReason.Policy, BounceReason.Content], ["suspend"] = [BounceReason.MailboxDisabled], ["authfailure"] = [BounceReason.Authentication], ["systemerror"] = [BounceReason.System],
        ["notaccept"] = [BounceReason.NotAccepting], ["securityerror"] = [BounceReason.Security, BounceReason.Policy], ["onhold"] = [BounceReason.Unknown, BounceReason.System, BounceReason.Filtered, BounceReason.Policy], ["mailererror"] = [BounceReason.System],
        ["notcompliantrfc"] = [BounceReason.Content], ["norelaying"] = [BounceReason.RelayDenied], ["spamdetected"] = [BounceReason.Spam], ["toomanyconn"] = [BounceReason.RateLimited], ["speeding"] = [BounceReason.RateLimited], ["ratelimited"] = [BounceReason.RateLimited],
        ["contenterror"] = [BounceReason.Content], ["mesgtoobig"] = [BounceReason.TooLarge], ["exceedlimit"] = [BounceReason.TooLarge], ["virusdetected"] = [BounceReason.Virus], ["undefined"] = [BounceReason.Unknown], ["delivered"] = [BounceReason.None],
    };

    [Fact]
    public void Class_recipient_permanence_and_reason_agree_with_the_truth()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var folder = Path.Combine(Corpora.Root!, "bounces-sisimai");
        using var truth = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "truth.json")));
        var (classes, classesRight, fielded, fieldedRight, texts, textsRight, reasons, reasonsRight) = (0, 0, 0, 0, 0, 0, 0, 0);
        foreach (var row in truth.RootElement.EnumerateObject().Where(r => r.Value.GetProperty("trusted").GetBoolean()))
        {
            var message = MimeMessage.Read(File.ReadAllBytes(Path.Combine(folder, "files", row.Name)));
            var report = MailReport.Read(message);
            var automatic = AutomaticMail.Of(message);
            var expected = row.Value.GetProperty("class").GetString()!;
            var found = report switch
            {
                { Kind: ReportKind.Feedback } => "feedback-report",
                { Kind: ReportKind.Delivered } => "delivered",
                { Kind: ReportKind.Failed or ReportKind.Delayed } => "bounce",
                _ => automatic.IsAutomaticAnswer ? "auto-reply" : "not-a-bounce",
            };
            if (expected == "not-decoded") expected = "not-a-bounce";
            classes++;
            if (found == expected) classesRight++;
            else output.WriteLine($"CLASS {row.Name}: {expected} expected, {found} found; {message.Subject}");
            if (expected is not ("bounce" or "delivered" or "feedback-report")) continue;

            var hasFields = row.Value.GetProperty("dsn_fields").GetArrayLength() > 0;
            var all = true;
            foreach (var one in row.Value.GetProperty("recipients").EnumerateArray())
            {
                var names = new[] { one.GetProperty("recipient").GetString(), one.GetProperty("alias").GetString() };
                var ours = report?.Recipients.FirstOrDefault(r => names.Any(n => n is { Length: > 0 } && (Same(r.Recipient, n) || Same(r.OriginalRecipient, n))));
                bool? permanent = one.GetProperty("severity").GetString() switch { "permanent" => true, "temporary" => false, _ => null };
                var right = ours is not null && (expected == "feedback-report" || ours.Permanent == permanent);
                if (!right)
                {
                    all = false;
                    output.WriteLine($"WHO {row.Name} ({(hasFields ? "fields" : "text")}): {names[0]} {one.GetProperty("severity")} {one.GetProperty("status")} {one.GetProperty("reason")} expected; found {string.Join(", ", report?.Recipients.Select(r => $"{r.Recipient} {r.Permanent} {r.Status} {r.ReplyCode}") ?? [])}");
                }
                if (ours is null || one.GetProperty("reason").GetString() is not { Length: > 0 } reason || !Reasons.TryGetValue(reason, out var allowed)) continue;
                reasons++;
                if (allowed.Contains(ours.Reason)) reasonsRight++;
                else output.WriteLine($"WHY {row.Name}: {reason} {one.GetProperty("status")} expected, {ours.Reason} {ours.Status} found: {ours.Diagnostic?.ReplaceLineEndings(" ")[..Math.Min(150, ours.Diagnostic.ReplaceLineEndings(" ").Length)]}");
            }
            if (hasFields)
            {
                fielded++;
                if (all) fieldedRight++;
            }
            else
            {
                texts++;
                if (all) textsRight++;
            }
        }
        output.WriteLine($"class {classesRight} of {classes}; recipient and permanence {fieldedRight} of {fielded} with fields, {textsRight} of {texts} without; reason {reasonsRight} of {reasons}");
        Assert.True(classesRight >= 0.97 * classes, $"class: {classesRight} of {classes}");
        Assert.True(fieldedRight >= 0.98 * fielded, $"with fields: {fieldedRight} of {fielded}");
        Assert.True(textsRight >= 0.85 * texts, $"without: {textsRight} of {texts}");
        Assert.True(reasonsRight >= 0.85 * reasons, $"reasons: {reasonsRight} of {reasons}");
    }

    [Fact]
    public void Fields_of_a_report_are_read_as_they_stand()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var folder = Path.Combine(Corpora.Root!, "bounces-sisimai");
        using var truth = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "truth.json")));
        var (all, right) = (0, 0);
        foreach (var row in truth.RootElement.EnumerateObject())
        {
            var report = MailReport.Read(MimeMessage.Read(File.ReadAllBytes(Path.Combine(folder, "files", row.Name))));
            foreach (var (fields, at) in row.Value.GetProperty("dsn_fields").EnumerateArray().Select((f, i) => (f, i)))
            {
                all++;
                var action = fields.TryGetProperty("action", out var a) ? a.GetString()?.ToLowerInvariant() : null;
                if (report is not null && report.Recipients.Any(r => action is null or "" || r.Action == action)) right++;
                else output.WriteLine($"{row.Name} {at}: {fields} against {string.Join(", ", report?.Recipients.Select(r => r.Action) ?? [])}");
            }
        }
        output.WriteLine($"{right} of {all}");
        Assert.True(all > 100 && right >= all * 0.98, $"{right} of {all}");
    }

    [Fact]
    public void Mail_of_people_is_no_report_and_no_automatic_answer()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var (count, wrong) = (0, new List<string>());
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Corpora.Root!, "ham-spamassassin", "files"), "*", SearchOption.AllDirectories))
        {
            count++;
            var message = MimeMessage.Read(File.ReadAllBytes(file));
            var report = MailReport.Read(message);
            var automatic = AutomaticMail.Of(message);
            if (report is not null && message.Root.MediaType != "multipart/report") wrong.Add($"{file}: {report.Kind} {message.Subject}");
            if (automatic.IsAutomaticAnswer) wrong.Add($"{file}: automatic, {string.Join(' ', automatic.Reasons)}");
        }
        foreach (var one in wrong) output.WriteLine(one);
        Assert.True(count > 900, $"{count}");
        Assert.Empty(wrong);
    }

    [Fact]
    public void Damaged_reports_are_read_as_well()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var random = new Random(20261125);
        var files = Directory.GetFiles(Path.Combine(Corpora.Root!, "bounces-sisimai", "files"), "*.eml", SearchOption.AllDirectories);
        for (var n = 0; n < 3000; n++)
        {
            var damaged = Damage.To(File.ReadAllBytes(files[random.Next(files.Length)]), () => File.ReadAllBytes(files[random.Next(files.Length)]), random);
            var message = MimeMessage.Read(damaged);
            MailReport.Read(message);
            AutomaticMail.Of(message);
        }
    }

    private static bool Same(EmailAddress? ours, string expected) => ours is not null && (EmailAddress.TryParse(expected, out var address) ? address.Equals(ours) : ours.ToString().Equals(expected, StringComparison.OrdinalIgnoreCase));
}
