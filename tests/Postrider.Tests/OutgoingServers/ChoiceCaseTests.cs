using System.Text.Json;
using Postrider.OutgoingServers;

namespace Postrider.Tests.OutgoingServers;

public sealed class ChoiceCaseTests
{
    private const string Parameters = """{"mail.default.from":"notifications","mail.catchall.domain":"example.com","mail.bounce.alias":"bounce"}""";

    [Theory]
    // sender's address, whatever the priority; its bounces only where the filter takes the bounce address
    [InlineData("""[{"name":"d","fromFilter":"example.com","sequence":1},{"name":"a","fromFilter":"ann@example.com","sequence":9}]""", "Ann <ann@example.com>", "a address ann@example.com ann@example.com")]
    [InlineData("""[{"name":"d","fromFilter":"other.org, EXAMPLE.com"}]""", "Ann <ann@example.com>", "d domain ann@example.com bounce@example.com")]
    [InlineData("""[{"name":"n","fromFilter":"notifications@example.com"}]""", "Ann <ann@other.org>", "n default-from-address notifications@example.com notifications@example.com")]
    [InlineData("""[{"name":"n","fromFilter":"example.com"}]""", "Ann <ann@other.org>", "n default-from-domain notifications@example.com bounce@example.com")]
    [InlineData("""[{"name":"f","fromFilter":"third.net","sequence":1},{"name":"o","fromFilter":"","sequence":2}]""", "Ann <ann@other.org>", "o no-filter notifications@example.com bounce@example.com")]
    [InlineData("""[{"name":"f","fromFilter":"third.net","sequence":5},{"name":"g","fromFilter":"fourth.net","sequence":2}]""", "Ann <ann@other.org>", "g first-server notifications@example.com notifications@example.com")]
    // a subdomain is another domain; an archived server is none
    [InlineData("""[{"name":"s","fromFilter":"example.com"},{"name":"x","fromFilter":"sub.example.com","active":false}]""", "ann@sub.example.com", "s default-from-domain notifications@example.com bounce@example.com")]
    // Exchange takes no other envelope sender
    [InlineData("""[{"name":"e","fromFilter":"example.com","kind":"outlook"}]""", "ann@example.com", "e domain ann@example.com ann@example.com")]
    // several senders match nothing
    [InlineData("""[{"name":"a","fromFilter":"ann@example.com","sequence":1},{"name":"n","fromFilter":"notifications@example.com"}]""", "ann@example.com, ben@example.com", "n default-from-address notifications@example.com notifications@example.com")]
    // somebody else's own server is nobody's fallback
    [InlineData("""[{"name":"own","fromFilter":"","owner":"u2"}]""", "ann@example.com", "no-outgoing-server none")]
    [InlineData("[]", "ann@example.com", "no-outgoing-server none")]
    [InlineData("[]", "nobody", "from-invalid none")]
    public void A_case_is_answered_as_the_hub_would_decide(string servers, string from, string expected) =>
        Assert.Equal(expected, Brief(Ask($$"""{"id":"1","parameters":{{Parameters}},"servers":{{servers}},"from":{{JsonSerializer.Serialize(from)}} }""")));

    [Theory]
    [InlineData("u1", null, "own address")]
    [InlineData("u2", null, "shared domain")]
    [InlineData(null, null, "shared domain")]
    [InlineData("u1", "True", "shared domain")]
    public void A_persons_own_server_takes_that_persons_mail(string? creator, string? disabled, string expected)
    {
        var answer = Ask($$"""
            {"id":"1","parameters":{"mail.disable_personal_mail_servers":{{JsonSerializer.Serialize(disabled)}} },"servers":[{"name":"own","fromFilter":"ann@example.com","owner":"u1"},{"name":"shared","fromFilter":"example.com"}],
             "from":"ann@example.com","creator":{{JsonSerializer.Serialize(creator)}} }
            """);
        Assert.Equal(expected, $"{answer.GetProperty("server")} {answer.GetProperty("rule")}");
    }

    [Theory]
    [InlineData("m", "m forced ann@other.org bounce@example.com")]
    [InlineData("old", "outgoing-server-archived none")]
    [InlineData("own", "outgoing-server-owned none")]
    [InlineData("gone", "outgoing-server-unknown none")]
    public void A_forced_server_is_taken_or_refused_with_the_reason(string forced, string expected) =>
        Assert.Equal(expected, Brief(Ask($$"""
            {"id":"1","parameters":{{Parameters}},"servers":[{"name":"m"},{"name":"old","active":false},{"name":"own","fromFilter":"ben@other.org","owner":"u1"}],"from":"Ann <ann@other.org>","forcedServer":"{{forced}}"}
            """)));

    [Fact]
    public void The_mails_own_envelope_sender_comes_before_the_bounce_address()
    {
        var answer = Ask($$"""{"id":"1","parameters":{{Parameters}},"servers":[{"name":"d","fromFilter":"example.com"}],"from":"ann@example.com","envelopeOverride":"returns@example.com"}""");
        Assert.Equal("returns@example.com", answer.GetProperty("envelopeFrom").GetString());
        Assert.Equal("envelope-invalid", Ask("""{"id":"1","from":"ann@example.com","envelopeOverride":"a@b.example, c@d.example"}""").GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("true", "\"m\"", "m forced ann@other.org bounce@example.com")]
    [InlineData("false", "\"m\"", "n default-from-address notifications@example.com notifications@example.com")]
    [InlineData("true", "\"\"", "m no-filter notifications@example.com bounce@example.com")]
    [InlineData("true", "\"gone\"", "outgoing-server-unknown none")]
    public void A_mailing_takes_the_dedicated_server(string mailing, string dedicated, string expected) =>
        Assert.Equal(expected, Brief(Ask($$"""
            {"id":"1","parameters":{"mail.default.from":"notifications","mail.catchall.domain":"example.com","mail.bounce.alias":"bounce","mass_mailing.outgoing_mail_server":"True","mass_mailing.mail_server_id":{{dedicated}} },
             "servers":[{"name":"m","sequence":1},{"name":"n","fromFilter":"{{(dedicated.Length > 2 ? "notifications@example.com" : "other.net")}}"}],"from":"Ann <ann@other.org>","mailing":{{mailing}} }
            """)));

    [Fact]
    public void A_sender_that_a_server_refused_is_told_and_the_steps_come_one_by_one()
    {
        var servers = """[{"name":"d","fromFilter":"example.com","refused":["ann@example.com"]},{"name":"n","fromFilter":"notifications@example.com"}]""";
        var answer = Ask($$"""{"id":"1","parameters":{{Parameters}},"servers":{{servers}},"from":"ann@example.com"}""");
        Assert.Equal("n default-from-address notifications@example.com notifications@example.com", Brief(answer));
        Assert.Equal(answer.GetProperty("explanation").GetString(), string.Join(' ', answer.GetProperty("steps").EnumerateArray()));
        Assert.Equal("outgoing-server-may-not-send-as none", Brief(Ask($$"""{"id":"2","parameters":{{Parameters}},"servers":{{servers}},"from":"ann@example.com","forcedServer":"d"}""")));
    }

    [Fact]
    public async Task A_line_that_cannot_be_read_stops_nothing()
    {
        var output = new StringWriter { NewLine = "\n" };
        await JsonLines.AnswerAsync(new StringReader("nonsense\n\n{\"id\":\"2\",\"servers\":7}\nnull\n{\"id\":\"4\",\"from\":\"ann@example.com\"}\n"), output, (ChoiceCase one) => one.Answer(), (id, why) => ChoiceAnswer.Of(id, "case-invalid", why), CancellationToken.None);
        var answers = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal([(null, "case-invalid"), ("2", "case-invalid"), (null, "case-invalid"), ("4", "no-outgoing-server")], answers.Select(a => (a.GetProperty("id").GetString(), a.GetProperty("error").GetString())));
        Assert.DoesNotContain("Postrider", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Addresses_are_read_split_and_made_fit_for_the_wire()
    {
        var answer = new AddressCase("1", "=?utf-8?q?J=C3=B6rg?= <J.K@Bücher.example>, x").Answer();
        Assert.Equal(new AddressAnswerMailbox("Jörg", "J.K@bücher.example", "J.K@xn--bcher-kva.example"), Assert.Single(answer.Mailboxes));
        Assert.Equal("j.k@xn--bcher-kva.example", answer.Normalized);
        Assert.Single(answer.Defects);
        Assert.Null(new AddressCase("2", "a@b.example, c@d.example").Answer().Normalized);
    }

    private static JsonElement Ask(string line)
    {
        var output = new StringWriter();
        JsonLines.AnswerAsync(new StringReader(line.ReplaceLineEndings(" ")), output, (ChoiceCase one) => one.Answer(), (id, why) => ChoiceAnswer.Of(id, "case-invalid", why), CancellationToken.None).GetAwaiter().GetResult();
        return JsonDocument.Parse(output.ToString()).RootElement;
    }

    private static string Brief(JsonElement answer) => answer.GetProperty("error").GetString() is { } error
        ? $"{error} {answer.GetProperty("rule")}"
        : $"{answer.GetProperty("server")} {answer.GetProperty("rule")} {answer.GetProperty("smtpFrom")} {answer.GetProperty("envelopeFrom")}";
}
