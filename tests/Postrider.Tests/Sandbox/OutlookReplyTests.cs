using System.Text;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Sandbox.Outlook;

namespace Postrider.Tests.Sandbox;

public sealed class OutlookReplyTests
{
    private static readonly EmailAddress Own = EmailAddress.Parse("ann@meadow.example");

    [Fact]
    public void Answer_goes_to_the_author() => Assert.Equal("carla@customer.example", Answer("").To);

    [Fact]
    public void Answer_goes_where_the_author_wants_it() => Assert.Equal("desk@customer.example", Answer("Reply-To: desk@customer.example\r\n").To);

    [Fact]
    public void Answer_to_all_goes_to_everybody_else_once()
    {
        var answer = Answer("Cc: ben@meadow.example, carla@customer.example, ben@meadow.example\r\n", all: true);
        Assert.Equal(("carla@customer.example", "ben@meadow.example"), (answer.To, answer.Cc));
    }

    [Fact]
    public void Answer_to_ones_own_message_goes_on_with_the_same_people() =>
        Assert.Equal("carla@customer.example", Reply.To(Read("From: ann@meadow.example\r\nTo: carla@customer.example\r\nSubject: Hello\r\n"), Own, all: false).To);

    [Theory]
    [InlineData("Hello", "Re: Hello")]
    [InlineData("RE: Hello", "RE: Hello")]
    [InlineData("", "Re:")]
    public void Subject_is_marked_as_an_answer_once(string subject, string answered) =>
        Assert.Equal(answered, Reply.To(Read($"From: carla@customer.example\r\nTo: ann@meadow.example\r\nSubject: {subject}\r\n"), Own, all: false).Subject);

    [Fact]
    public void Text_is_quoted_and_what_was_quoted_a_level_deeper() =>
        Assert.EndsWith("wrote:\n> One\n>> two\n", Answer("", body: "One\r\n> two\r\n").Text, StringComparison.Ordinal);

    private static LetterFields Answer(string headers, bool all = false, string body = "Text\r\n") =>
        Reply.To(Read("From: carla@customer.example\r\nTo: ann@meadow.example\r\nSubject: Hello\r\n" + headers, body), Own, all);

    private static MimeMessage Read(string headers, string body = "Text\r\n") => MimeMessage.Read(Encoding.ASCII.GetBytes(headers + "\r\n" + body));
}
