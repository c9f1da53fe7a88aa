using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Imap;

namespace Postrider.Mail.Tests.Imap;

public sealed class ImapCommandTests
{
    [Theory]
    [InlineData("Sent", "SELECT \"Sent\"")]
    [InlineData("a\"b\\c", "SELECT \"a\\\"b\\\\c\"")]
    [InlineData("x\r\nA2 DELETE INBOX", "SELECT \"x&AA0ACg-A2 DELETE INBOX\"")]
    public void A_mailboxs_name_stays_within_its_argument(string name, string line) =>
        Assert.Equal(line, Assert.Single(new ImapCommand("SELECT").Mailbox(name).Parts).Text);

    [Fact]
    public void A_value_with_a_line_end_goes_as_a_literal()
    {
        var parts = new ImapCommand("UID SEARCH").Raw("HEADER").FieldName("Subject").String("x\r\nA2 LOGOUT").Parts.ToList();
        Assert.Equal("UID SEARCH HEADER \"Subject\" ", parts[0].Text);
        Assert.Equal("x\r\nA2 LOGOUT", Encoding.UTF8.GetString(parts[0].Literal!.Value.Span));
    }

    [Theory]
    [InlineData("\\Seen)\r\nA2 LOGOUT")]
    [InlineData("a b")]
    [InlineData("")]
    [InlineData("\\")]
    [InlineData("a\"")]
    [InlineData("ü")]
    public void A_flag_that_is_none_is_refused(string flag) => Assert.NotNull(new ImapCommand("UID STORE").Flags(["\\Seen", flag]).Refusal);

    [Fact]
    public void A_NUL_is_refused() => Assert.NotNull(new ImapCommand("UID SEARCH").String("a\0b").Refusal);

    [Fact]
    public void No_value_can_end_the_line_it_stands_in() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>().Filter(s => s is not null), value =>
        {
            var command = new ImapCommand("X").Mailbox(value).String(value).FieldName(value).Flags([value]);
            if (command.Refusal is not null) return true;
            return command.Parts.All(p => !p.Text.Contains('\r', StringComparison.Ordinal) && !p.Text.Contains('\n', StringComparison.Ordinal));
        }).QuickCheckThrowOnFailure();
}
