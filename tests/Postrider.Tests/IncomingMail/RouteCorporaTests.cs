using System.Text;
using System.Text.Json;
using Postrider.IncomingMail;
using Postrider.Mail;
using Postrider.Mail.Content;

namespace Postrider.Tests.IncomingMail;

/// <summary>Mail of others through the hub's whole decision, against what is known about it.</summary>
public sealed class RouteCorporaTests(ITestOutputHelper output)
{
    private static readonly string? Root = Environment.GetEnvironmentVariable("POSTRIDER_CORPORA");

    [Fact]
    public void Bounces_are_bounces_with_their_recipients_and_whether_it_lasts()
    {
        Assert.SkipWhen(Root is null, "POSTRIDER_CORPORA is not set: the corpora are not part of the repository.");
        var folder = Path.Combine(Root, "bounces-sisimai");
        using var truth = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "truth.json")));
        var (classes, classesRight, fielded, fieldedRight, worded, wordedRight) = (0, 0, 0, 0, 0, 0);
        foreach (var row in truth.RootElement.EnumerateObject().Where(r => r.Value.GetProperty("trusted").GetBoolean()))
        {
            var answer = Of(File.ReadAllBytes(Path.Combine(folder, "files", row.Name)));
            var expected = row.Value.GetProperty("class").GetString()!;
            var fields = row.Value.GetProperty("dsn_fields");
            // A report whose own fields say that the mail is late is no bounce, whatever else its truth says of it (LOP-06).
            var late = fields.GetArrayLength() > 0 && fields.EnumerateArray().All(f => f.TryGetProperty("action", out var a) && a.GetString()?.ToLowerInvariant() is "delayed");
            var right = expected switch
            {
                "bounce" => answer.Outcome == (late ? "receipt" : "bounce"),
                "delivered" => answer.Outcome == "receipt",
                "auto-reply" or "feedback-report" => answer.Outcome == "automatic",
                _ => answer.Outcome is "new" or "reply",
            };
            classes++;
            if (right) classesRight++;
            else output.WriteLine($"CLASS {row.Name}: {expected} expected, {answer.Outcome} found");
            if (expected is not ("bounce" or "delivered")) continue;

            var all = row.Value.GetProperty("recipients").EnumerateArray().All(one => answer.Bounces.Any(b => (Same(b.Recipient, one.GetProperty("recipient").GetString()) || Same(b.Recipient, one.GetProperty("alias").GetString()))
                && (one.GetProperty("severity").GetString() is not { } severity || b.Class == severity)));
            if (fields.GetArrayLength() > 0) (fielded, fieldedRight) = (fielded + 1, fieldedRight + (all ? 1 : 0));
            else (worded, wordedRight) = (worded + 1, wordedRight + (all ? 1 : 0));
            if (!all) output.WriteLine($"WHO {row.Name}: found {string.Join(", ", answer.Bounces)}");
        }

        output.WriteLine($"class {classesRight} of {classes}; recipient and permanence {fieldedRight} of {fielded} with fields, {wordedRight} of {worded} without");
        Assert.True(classesRight >= 0.97 * classes, $"class: {classesRight} of {classes}");
        Assert.True(fieldedRight >= 0.98 * fielded, $"with fields: {fieldedRight} of {fielded}");
        Assert.True(wordedRight >= 0.85 * worded, $"without: {wordedRight} of {worded}");
    }

    [Fact]
    public void Mail_of_people_is_placed_and_never_taken_for_a_report_or_an_answer_of_a_program()
    {
        Assert.SkipWhen(Root is null, "POSTRIDER_CORPORA is not set: the corpora are not part of the repository.");
        List<string> wrong = [];
        var count = 0;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root, "ham-spamassassin", "files"), "*", SearchOption.AllDirectories))
        {
            count++;
            var answer = Of(File.ReadAllBytes(file));
            if (answer.Outcome is not ("new" or "reply")) wrong.Add($"{file}: {answer.Outcome}, {answer.Explanation}");
        }

        foreach (var one in wrong) output.WriteLine(one);
        output.WriteLine($"{count - wrong.Count} of {count}");
        Assert.True(count > 900, $"{count}");
        Assert.DoesNotContain(wrong, one => one.Contains(": bounce", StringComparison.Ordinal) || one.Contains(": automatic", StringComparison.Ordinal) || one.Contains(": receipt", StringComparison.Ordinal));
    }

    [Fact]
    public void The_new_part_of_replies_is_what_four_projects_say()
    {
        Assert.SkipWhen(Root is null, "POSTRIDER_CORPORA is not set: the corpora are not part of the repository.");
        var (all, right) = (0, 0);
        foreach (var corpus in (string[])["reply-trimmer", "reply-crisp", "reply-zapier", "reply-talon"])
        {
            var folder = Path.Combine(Root, corpus);
            using var truth = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "truth.json")));
            foreach (var row in truth.RootElement.EnumerateObject())
            {
                if ((Text(row.Value, "reply") ?? Text(row.Value, "first_fragment") ?? Text(row.Value, "visible_text")) is not { } expected) continue;
                var bytes = File.ReadAllBytes(Path.Combine(folder, "files", row.Name));
                var html = row.Name.EndsWith(".html", StringComparison.Ordinal);
                var answer = row.Name.EndsWith(".eml", StringComparison.Ordinal)
                    ? Of(bytes)
                    : Of([.. Encoding.ASCII.GetBytes($"From: ann@x.example\r\nContent-Type: text/{(html ? "html" : "plain")}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"), .. bytes]);
                all++;
                // Two of the projects keep the signature with the new part.
                var found = Squeezed(answer.ReplyText ?? "");
                var signature = html || row.Name.EndsWith(".eml", StringComparison.Ordinal) ? "" : Squeezed(ReplyText.Read(Encoding.UTF8.GetString(bytes)).Signature);
                if (Squeezed(expected) == found || Squeezed(expected) == found + signature) right++;
                else output.WriteLine($"{corpus}/{row.Name}");
            }
        }

        output.WriteLine($"{right} of {all}");
        Assert.True(all > 70 && right >= 0.85 * all, $"{right} of {all}");
    }

    [Fact]
    public void No_message_of_any_corpus_trips_the_decision_up()
    {
        Assert.SkipWhen(Root is null, "POSTRIDER_CORPORA is not set: the corpora are not part of the repository.");
        var files = Directory.GetDirectories(Root).Where(d => Path.GetFileName(d).Split('-')[0] is "bounces" or "ham" or "mime" or "reply").Select(d => Path.Combine(d, "files")).Where(Directory.Exists)
            .SelectMany(d => Directory.EnumerateFiles(d, "*", SearchOption.AllDirectories)).ToList();
        var random = new Random(28112026);
        foreach (var file in files)
        {
            var bytes = File.ReadAllBytes(file);
            Assert.NotNull(Of(bytes).Outcome);
            // And cut anywhere.
            if (bytes.Length > 0) Assert.NotNull(Of(bytes[..random.Next(bytes.Length)]).Outcome);
        }

        Assert.True(files.Count > 1500, $"{files.Count}");
    }

    private static IncomingAnswer Of(byte[] message) => new IncomingCase("1", Raw: Convert.ToBase64String(message), DefaultTarget: "Support").Answer();

    private static bool Same(string? ours, string? theirs) => ours is not null && theirs is { Length: > 0 } && (EmailAddress.TryParse(theirs, out var a) && EmailAddress.TryParse(ours, out var b) ? a.Equals(b) : ours.Equals(theirs, StringComparison.OrdinalIgnoreCase));

    private static string? Text(JsonElement row, string name) => row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Squeezed(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
}
