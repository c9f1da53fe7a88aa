using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class MessageIdsTests
{
    [Theory]
    [InlineData("<a@x>", "a@x", 0)]
    [InlineData("<a@x> <b@x>", "a@x b@x", 0)]
    [InlineData("<a@x><b@x>,<c@x>", "a@x b@x c@x", 0)]
    [InlineData("<a@x> <a@x>", "a@x", 0)]
    [InlineData("text (comment) <a@x> more", "a@x", 0)]
    [InlineData("<a @ x\t>", "a@x", 0)]
    [InlineData("<<a@x>>", "a@x", 0)]
    [InlineData("<a@x", "a@x", 1)]
    [InlineData("a@x", "a@x", 1)]
    [InlineData("a@x b@x", "a@x b@x", 1)]
    [InlineData("no-at-sign", "no-at-sign", 1)]
    [InlineData("Your message of Monday", "", 0)]
    [InlineData("<>", "", 0)]
    [InlineData("", "", 0)]
    public void Ids_are_read(string text, string expected, int defects)
    {
        var log = new DefectLog();
        Assert.Equal(expected, string.Join(' ', MessageIds.Read(text, log)));
        Assert.Equal(defects, log.All.Count);
    }

    [Fact]
    public void An_id_that_fits_in_no_line_is_left_out() => Assert.Empty(MessageIds.Read("<" + new string('a', 999) + ">", new DefectLog()));
}
