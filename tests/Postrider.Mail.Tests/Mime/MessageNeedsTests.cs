using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Tests.Mime;

public sealed class MessageNeedsTests
{
    [Theory]
    [InlineData("Subject: x\r\n\r\nplain\r\n", SmtpBodyKind.SevenBit)]
    [InlineData("no end", SmtpBodyKind.SevenBit)]
    [InlineData("Subject: x\r\n\r\nGr\u00fc\u00dfe\r\n", SmtpBodyKind.EightBit)]
    [InlineData("a\nb", SmtpBodyKind.Binary)]
    [InlineData("a\rb", SmtpBodyKind.Binary)]
    [InlineData("a\r", SmtpBodyKind.Binary)]
    [InlineData("a\r\r\n", SmtpBodyKind.Binary)]
    [InlineData("a\0b", SmtpBodyKind.Binary)]
    public void A_message_asks_for_what_its_bytes_are(string message, SmtpBodyKind kind) => Assert.Equal(kind, Of(Encoding.UTF8.GetBytes(message), 1000).Kind);

    [Theory]
    [InlineData(998, SmtpBodyKind.SevenBit)]
    [InlineData(999, SmtpBodyKind.Binary)]
    public void A_line_of_998_octets_is_the_longest(int length, SmtpBodyKind kind) => Assert.Equal(kind, Of(Encoding.ASCII.GetBytes(new string('x', length) + "\r\n"), 100).Kind);

    [Fact]
    public void Blocks_make_no_difference() => Prop.ForAll(Gen.Elements("a", "\r", "\n", "\r\n", "\0", "\u00fc", "xxxx").ListOf().Select(string.Concat).ToArbitrary(), Gen.Choose(1, 5).ToArbitrary(), (text, block) =>
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        var needs = Of(bytes, block);
        var without = text.Replace("\r\n", "", StringComparison.Ordinal);
        Assert.Equal(without.Contains('\r', StringComparison.Ordinal), needs.BareCr);
        Assert.Equal(without.Contains('\n', StringComparison.Ordinal), needs.BareLf);
        Assert.Equal(text.Contains('\0', StringComparison.Ordinal), needs.Nul);
        Assert.Equal(text.Any(c => c > 127), needs.EightBit);
        Assert.Equal(text.Split('\r', '\n').Max(line => line.Length), needs.LongestLine);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    private static MessageNeeds Of(byte[] bytes, int block)
    {
        var needs = new MessageNeeds();
        for (var at = 0; at < bytes.Length; at += block) needs.Add(bytes.AsSpan(at, Math.Min(block, bytes.Length - at)));
        return needs;
    }
}
