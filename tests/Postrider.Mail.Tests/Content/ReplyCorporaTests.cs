using System.Text.Json;
using System.Text.RegularExpressions;
using Postrider.Mail.Content;
using Postrider.Mail.Mime;
using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Content;

/// <summary>Replies in many languages from many programs, with the new part as four projects say it is.</summary>
public sealed class ReplyCorporaTests(ITestOutputHelper output)
{
    [Fact]
    public void The_new_part_is_what_the_truth_says()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var (all, right) = (0, 0);
        foreach (var corpus in (string[])["reply-trimmer", "reply-crisp", "reply-zapier", "reply-talon"])
        {
            var (of, good) = (0, 0);
            var folder = Path.Combine(Corpora.Root!, corpus);
            using var truth = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "truth.json")));
            foreach (var row in truth.RootElement.EnumerateObject())
            {
                var expected = Text(row.Value, "reply") ?? Text(row.Value, "first_fragment") ?? Text(row.Value, "visible_text");
                if (expected is null) continue;
                of++;
                var file = Path.Combine(folder, "files", row.Name);
                var html = row.Name.EndsWith(".html", StringComparison.Ordinal);
                var read = html ? ReplyText.ReadHtml(File.ReadAllText(file)) : row.Name.EndsWith(".eml", StringComparison.Ordinal) ? ReplyText.Read(MimeMessage.Read(File.ReadAllBytes(file)).TextBody!) : ReplyText.Read(File.ReadAllText(file));
                // Two of the projects keep the signature with the new part.
                string[] ours = [read.New, read.Signature.Length == 0 ? read.New : read.New + "\n\n" + read.Signature, read.New + "\n" + read.Signature];
                if (ours.Any(o => html ? Squeezed(o) == Squeezed(expected) : Trimmed(o) == Trimmed(expected))) good++;
                else output.WriteLine($"{corpus}/{row.Name} ({read.End})\n--- expected\n{Tail(expected)}\n--- found\n{Tail(read.New)}\n--- signature {Tail(read.Signature)}");
            }
            output.WriteLine($"{corpus}: {good} of {of}");
            (all, right) = (all + of, right + good);
        }
        output.WriteLine($"all: {right} of {all}");
        Assert.True(all > 70 && right >= 0.85 * all, $"{right} of {all}");
    }

    [Fact]
    public void What_the_tests_of_others_ask_of_fragments_holds()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var folder = Path.Combine(Corpora.Root!, "reply-crisp");
        using var truth = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "truth.json")));
        // One fragment: nothing of it is history.
        foreach (var row in truth.RootElement.EnumerateObject().Where(r => r.Value.TryGetProperty("fragments", out var count) && count.GetInt32() == 1))
        {
            var read = ReplyText.Read(File.ReadAllText(Path.Combine(folder, "files", row.Name)));
            Assert.Equal((row.Name, ""), (row.Name, read.Quoted));
        }
    }

    [Fact]
    public void Hostile_text_is_read_in_linear_time()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var pathological = File.ReadAllText(Path.Combine(Corpora.Root!, "reply-zapier", "files", "pathological.txt"));
        string[] pieces = ["On ", "On 1 ", "> ", "wrote:\n", "From: a\n", "-- \n", "---", "\n", "On 1@2 wrote", "<div>", "&amp;", "<!--", "\"", "<a b='", "> On 1 x wrote:\n"];
        foreach (var text in pieces.Select(p => string.Concat(Enumerable.Repeat(p, 1_000_000 / p.Length))).Append(pathological))
        {
            var began = Environment.CpuUsage.TotalTime;
            ReplyText.Read(text);
            ReplyText.ReadHtml(text);
            // Thirty times what is asked for: other tests run beside this one.
            Assert.True(Environment.CpuUsage.TotalTime - began < TimeSpan.FromSeconds(12), text[..Math.Min(40, text.Length)]);
        }
    }

    private static string? Text(JsonElement row, string name) => row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    private static string Trimmed(string text) => string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(l => l.TrimEnd())).Trim('\n');
    private static string Squeezed(string text) => Regex.Replace(text, @"\s+", "", RegexOptions.None, TimeSpan.FromSeconds(5));
    private static string Tail(string text) => text.Length > 400 ? text[..150] + " … " + text[^240..] : text;
}
