using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class BodyChoiceTests
{
    /// <summary>Trees are written as "mixed(plain,alternative(plain,html),png)"; each leaf's body is its number. A leaf ending in "!" is an attachment, in "~" has a file name.</summary>
    [Theory]
    [InlineData("plain", "1", null, "")]
    [InlineData("html", null, "1", "")]
    [InlineData("png", null, null, "1")]
    [InlineData("plain!", null, null, "1")]
    [InlineData("plain~", "1", null, "")]
    [InlineData("calendar", "1", null, "")]
    [InlineData("alternative(plain,html)", "1", "2", "")]
    [InlineData("alternative(html,plain)", "2", "1", "")]
    [InlineData("alternative(plain,html,calendar)", "1", "2", "3")]
    [InlineData("alternative(plain,html,html)", "1", "3", "2")]
    [InlineData("alternative(plain,related(html,png,png))", "1", "2", "3 4")]
    [InlineData("alternative(plain,mixed(html,pdf))", "1", "2", "3")]
    [InlineData("related(alternative(plain,html),png)", "1", "2", "3")]
    [InlineData("related(html,html)", null, "1", "2")]
    [InlineData("mixed(related(alternative(plain,html),png),pdf)", "1", "2", "3 4")]
    [InlineData("mixed(plain,pdf)", "1", null, "2")]
    [InlineData("mixed(pdf,plain)", "2", null, "1")]
    [InlineData("mixed(plain,png,plain)", "1\r\n3", null, "2")]
    [InlineData("mixed(plain,plain~)", "1", null, "2")]
    [InlineData("mixed(plain,plain!)", "1", null, "2")]
    [InlineData("mixed(plain,html)", "1", null, "2")]
    [InlineData("mixed(html,plain)", null, "1", "2")]
    [InlineData("mixed(html,pdf,html)", null, "1\r\n3", "2")]
    [InlineData("mixed(alternative(plain,html),plain)", "1", "2", "3")]
    [InlineData("mixed(plain,alternative(plain,html))", "1\r\n2", null, "3")]
    [InlineData("mixed(alternative(plain,html),alternative(plain,html))", "1\r\n3", "2\r\n4", "")]
    [InlineData("signed(plain,pgp)", "1", null, "2")]
    [InlineData("signed(mixed(plain,pdf),pgp)", "1", null, "2 3")]
    [InlineData("report(plain,delivery,plain)", "1", null, "2 3")]
    [InlineData("report(alternative(plain,html),delivery)", "1", "2", "3")]
    [InlineData("unknown(plain,html)", "1", null, "2")]
    public void Bodies_are_chosen_and_the_rest_is_attached(string tree, string? text, string? html, string attachments)
    {
        var count = 0;
        var position = 0;
        var message = MimeMessage.Read(Encoding.ASCII.GetBytes(Written(tree, ref position, ref count, "b")));
        Assert.Equal(text, message.TextBody);
        Assert.Equal(html, message.HtmlBody);
        Assert.Equal(attachments, string.Join(' ', message.Attachments.Select(a => a.DecodeText())));
    }

    [Fact]
    public void The_start_of_a_related_part_may_be_named()
    {
        var message = MimeMessage.Read("Content-Type: multipart/related; boundary=b; start=\"<root@x>\"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\nframe\r\n--b\r\nContent-Type: text/html\r\nContent-ID: <root@x>\r\n\r\nroot\r\n--b--\r\n"u8.ToArray());
        Assert.Equal("root", message.HtmlBody);
        Assert.Equal("frame", Assert.Single(message.Attachments).DecodeText());
    }

    private static string Written(string tree, ref int position, ref int count, string boundary)
    {
        var start = position;
        while (position < tree.Length && tree[position] is not ('(' or ',' or ')')) position++;
        var kind = tree[start..position];
        if (position >= tree.Length || tree[position] != '(')
        {
            var type = kind.TrimEnd('!', '~') switch { "plain" => "text/plain", "html" => "text/html", "calendar" => "text/calendar", "delivery" => "message/delivery-status", var other => "application/" + other };
            var header = "Content-Type: " + type + (kind.EndsWith('~') ? "; name=x" : "") + "\r\n" + (kind.EndsWith('!') ? "Content-Disposition: attachment\r\n" : "");
            return header + "\r\n" + ++count;
        }
        var text = new StringBuilder($"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n");
        for (var n = 0; tree[position] != ')'; n++)
        {
            position++;
            text.Append($"--{boundary}\r\n{Written(tree, ref position, ref count, boundary + n)}\r\n");
        }
        position++;
        return text.Append($"--{boundary}--").ToString();
    }
}
