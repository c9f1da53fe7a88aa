using System.Text;
using System.Text.Json;
using Postrider.IncomingMail;

namespace Postrider.Tests.IncomingMail;

public sealed class IncomingCaseTests
{
    [Fact]
    public void A_case_is_answered_with_everything_the_hub_would_see()
    {
        var answer = Ask("""
            {"id":"1","text":"From: \"Ann\" <Ann@X.example>\nTo: sales@example.com\nCc: ben@x.example\nDelivered-To: box@example.com\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nNew words\n\nOn Mon, 1 Jun 2026 at 10:00, Us <us@example.com> wrote:\n> old\n--b\nContent-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment; filename=a.pdf\nContent-Transfer-Encoding: base64\n\nAQID\n--b--\n",
             "aliases":[{"name":"Sales","domain":"example.com","target":"Sales","contactRule":"everyone"}],"defaultTarget":null}
            """);
        Assert.Equal("new Sales sales@example.com Ann@x.example Grüße New words", $"{answer.GetProperty("outcome")} {answer.GetProperty("target")} {answer.GetProperty("alias")} {answer.GetProperty("sender")} {answer.GetProperty("subject")} {answer.GetProperty("replyText")}");
        Assert.Equal(["box@example.com", "sales@example.com", "ben@x.example"], answer.GetProperty("recipients").EnumerateArray().Select(r => r.GetString()));
        var parts = answer.GetProperty("parts").EnumerateArray().ToList();
        Assert.Equal(["text/plain", "application/pdf"], parts.Select(p => p.GetProperty("type").GetString()));
        Assert.Equal("a.pdf attachment 3 7037807198c22a7d2b0807371d763779a84fdfcf", $"{parts[1].GetProperty("filename")} {parts[1].GetProperty("disposition")} {parts[1].GetProperty("size")} {parts[1].GetProperty("sha1")}");
        Assert.Equal("utf-8", parts[0].GetProperty("charset").GetString());
    }

    [Theory]
    [InlineData("In-Reply-To: <m1@example.com>", """[{"messageId":"<m1@example.com>","conversation":"c1","kind":"outgoing"}]""", "reply c1")]
    [InlineData("Message-ID: <m1@example.com>", """[{"messageId":"m1@example.com","conversation":"c1","kind":"incoming"}]""", "duplicate c1")]
    [InlineData("In-Reply-To: <x-loop-detection-bounce-email@example.com>", "[]", "loop ")]
    [InlineData("Auto-Submitted: auto-replied\\nReferences: <m1@example.com>", """[{"messageId":"m1@example.com","conversation":"c1","kind":"outgoing"}]""", "automatic c1")]
    [InlineData("References: <m1@example.com>", """[{"messageId":"m1@example.com","conversation":"c1","kind":"outgoing","participants":["ben@x.example"]}]""", "quarantine ")]
    public void What_it_answers_is_found(string header, string known, string expected)
    {
        var answer = Ask($$"""{"id":"1","text":"From: ann@x.example\nTo: us@example.com\n{{header}}\n\nhi\n","known":{{known}}}""");
        Assert.Equal(expected, $"{answer.GetProperty("outcome")} {answer.GetProperty("conversation")}");
    }

    [Theory]
    [InlineData("To: sales@example.com", "\"target\":\"Support\"", "new Sales ")]
    [InlineData("To: support@example.com", "\"target\":\"Support\"", "reply  c1")]
    // A name in other letters is the same inbox.
    [InlineData("To: support@example.com", "\"target\":\" support \"", "reply  c1")]
    [InlineData("To: else@example.com\\nCc: sales@example.com", "\"target\":\"Support\"", "reply  c1")]
    // The address our mail left with is where its answers come.
    [InlineData("To: Sales@example.com", "\"target\":\"Support\",\"from\":\"sales@example.com\"", "reply  c1")]
    [InlineData("To: sales@example.com, help@example.com", "\"target\":\"Support\",\"from\":\"sales@example.com\"", "new Help ")]
    // Where the inbox is not told, an ordinary answer stays.
    [InlineData("To: sales@example.com", "\"participants\":[\"ann@x.example\"]", "reply  c1")]
    [InlineData("To: sales@example.com\\nSubject: Fwd: Offer", "\"participants\":[\"ann@x.example\"]", "new Sales ")]
    public void An_answer_to_an_alias_of_another_inbox_is_a_matter_of_its_own(string to, string told, string expected)
    {
        var answer = Ask($$"""
            {"id":"1","text":"From: ann@x.example\n{{to}}\nIn-Reply-To: <m1@example.com>\n\nhi\n","known":[{"messageId":"m1@example.com","conversation":"c1","kind":"outgoing",{{told}}}],
             "aliases":[{"name":"sales","domain":"example.com","target":"Sales"},{"name":"support","domain":"example.com","target":"Support"},{"name":"help","domain":"example.com","target":"Help"}]}
            """);
        Assert.Equal(expected, $"{answer.GetProperty("outcome")} {answer.GetProperty("target")} {answer.GetProperty("conversation")}");
    }

    [Fact]
    public void A_copy_of_ours_comes_from_where_it_left()
    {
        static string Outcome(string from) => Ask($$"""{"id":"1","text":"From: {{from}}\nTo: us@example.com\nMessage-ID: <m1@example.com>\n\nhi\n","known":[{"messageId":"m1@example.com","conversation":"c1","kind":"outgoing","from":"us@example.com"}],"defaultTarget":"Sales"}""").GetProperty("outcome").GetString()!;
        Assert.Equal(("duplicate", "new"), (Outcome("Us@Example.com"), Outcome("mallory@y.example")));
    }

    [Fact]
    public void A_bounce_lists_each_recipient()
    {
        var answer = Ask("""
            {"id":"1","text":"From: MAILER-DAEMON@mx.example\nTo: bounce@example.com\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822; b@x.example\nAction: failed\nStatus: 4.4.7\n\n--b--\n"}
            """);
        Assert.Equal("bounce", answer.GetProperty("outcome").GetString());
        Assert.Equal(["a@x.example 5.1.1 permanent", "b@x.example 4.4.7 temporary"], answer.GetProperty("bounces").EnumerateArray().Select(b => $"{b.GetProperty("recipient")} {b.GetProperty("status")} {b.GetProperty("class")}"));
    }

    [Fact]
    public void A_body_alone_is_read_as_well()
    {
        Assert.Equal("Fine.", Ask("""{"id":"1","text":"Fine.\n\nOn Mon, 1 Jun 2026 at 10:00, Us <us@example.com> wrote:\n> old\n"}""").GetProperty("replyText").GetString());
        Assert.Equal("Fine.", Ask("""{"id":"1","text":"<div>Fine.</div><blockquote type=\"cite\">old</blockquote>"}""").GetProperty("replyText").GetString());
        Assert.Equal("Note: this is no header", Ask("""{"id":"1","text":"Note: this is no header"}""").GetProperty("replyText").GetString());
    }

    [Fact]
    public async Task A_line_that_cannot_be_read_stops_nothing()
    {
        var output = new StringWriter { NewLine = "\n" };
        await JsonLines.AnswerAsync(new StringReader("nonsense\n\n{\"id\":\"2\",\"aliases\":7}\nnull\n{\"id\":\"4\",\"raw\":\"%%%\"}\n{\"id\":\"5\"}\n{\"id\":\"6\",\"text\":\"From: a@x.example\\n\\nhi\"}\n"), output, (IncomingCase one) => one.Answer(), IncomingAnswer.Of, CancellationToken.None);
        var answers = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal([null, "2", null, "4", "5", "6"], answers.Select(a => a.GetProperty("id").GetString()));
        Assert.All(answers.Take(5), a => Assert.NotEmpty(a.GetProperty("error").GetString()!));
        Assert.Equal("quarantine", answers[5].GetProperty("outcome").GetString());
        Assert.DoesNotContain("Postrider", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ten_thousand_ordinary_messages_take_a_few_seconds()
    {
        var lines = new StringBuilder();
        for (var n = 0; n < 10_000; n++)
        {
            var mail = $"From: Ann {n} <ann{n}@x.example>\r\nTo: sales@example.com\r\nSubject: Order {n}\r\nMessage-ID: <{n}@x.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{string.Concat(Enumerable.Repeat("Please send me what I ordered.\r\n", 60))}";
            lines.Append($$"""{"id":"{{n}}","raw":"{{Convert.ToBase64String(Encoding.ASCII.GetBytes(mail))}}","aliases":[{"name":"sales","domain":"example.com","target":"Sales","contactRule":"everyone"}]}""").Append('\n');
        }

        var began = Environment.CpuUsage.TotalTime;
        var output = new StringWriter { NewLine = "\n" };
        await JsonLines.AnswerAsync(new StringReader(lines.ToString()), output, (IncomingCase one) => one.Answer(), IncomingAnswer.Of, CancellationToken.None);
        var took = Environment.CpuUsage.TotalTime - began;
        Assert.Equal(10_000, output.ToString().Split('\n').Count(line => line.Contains("\"outcome\":\"new\"", StringComparison.Ordinal)));
        // Several times what is asked for: other tests run beside this one.
        Assert.True(took < TimeSpan.FromSeconds(20), $"{took}");
        TestContext.Current.TestOutputHelper?.WriteLine($"{took.TotalSeconds:0.0} s of processor time");
    }

    private static JsonElement Ask(string line)
    {
        var output = new StringWriter();
        JsonLines.AnswerAsync(new StringReader(line.ReplaceLineEndings(" ")), output, (IncomingCase one) => one.Answer(), IncomingAnswer.Of, CancellationToken.None).GetAwaiter().GetResult();
        return JsonDocument.Parse(output.ToString()).RootElement;
    }
}
