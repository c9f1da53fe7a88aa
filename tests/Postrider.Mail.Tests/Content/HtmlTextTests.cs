using Postrider.Mail.Content;

namespace Postrider.Mail.Tests.Content;

public sealed class HtmlTextTests
{
    [Theory]
    [InlineData("<p>one</p><p>two<br>three</p>", "one\n\ntwo\nthree")]
    [InlineData("a  b\n c&nbsp;d &amp; &lt;e&gt; &#8364; &unknown;", "a b c d & <e> € &unknown;")]
    [InlineData("<ul><li>one<li>two</ul>", "- one\n- two")]
    [InlineData("<table><tr><td>a<td>b</tr><tr><td>c</table>", "a\tb\nc")]
    [InlineData("<head><title>no</title></head><body>yes<script>if (a < b) no();</script><style>no</style>", "yes")]
    [InlineData("<pre>a\n  b</pre>", "a\nb")]
    [InlineData("<a href='x>y' title=\"<b>\">link</a> 1 < 2", "link 1 < 2")]
    [InlineData("<!-- no --> yes <!-- never closed", "yes")]
    [InlineData("<blockquote>one<br>two</blockquote>three", "> one\n> two\n\nthree")]
    [InlineData("<div", "")]
    [InlineData("", "")]
    public void A_person_reads(string html, string text) => Assert.Equal(text, HtmlText.Read(html).Text);

    [Theory]
    [InlineData("<div>new</div><div class=\"gmail_quote\"><div>On 1 May Ann wrote:</div><blockquote>old</blockquote></div>")]
    [InlineData("<div>new</div><div id=\"appendonsend\"></div><hr><div id=\"divRplyFwdMsg\"><b>From:</b> Ann</div><div>old</div>")]
    [InlineData("<p>new</p><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt'><p><b>From:</b> Ann</p></div><p>old</p>")]
    [InlineData("new<br><blockquote type=\"cite\">old</blockquote>")]
    [InlineData("<p>new</p><div class=\"moz-cite-prefix\">Am 1. Mai schrieb Ann:</div><blockquote>old</blockquote>")]
    public void The_new_part_ends_where_the_markup_says(string html)
    {
        var read = ReplyText.ReadHtml(html);
        Assert.Equal("new", read.New);
        Assert.Contains("old", read.Quoted, StringComparison.Ordinal);
        Assert.NotEqual(ReplyEnd.None, read.End);
    }

    [Theory]
    [InlineData("<hr>", "")]
    [InlineData("\nx", "<pre><blockquote><blockquote><blockquote><blockquote><blockquote><blockquote><blockquote><blockquote>")]
    [InlineData("<br>x", "<blockquote><blockquote><blockquote><blockquote><blockquote><blockquote><blockquote><blockquote>")]
    [InlineData("<li>", "")]
    public void The_text_is_hardly_longer_than_its_html(string repeated, string before)
    {
        var html = before + string.Concat(Enumerable.Repeat(repeated, 10_000));
        Assert.InRange(HtmlText.Read(html).Text.Length, 1, html.Length * 5 / 4 + 1000);
    }

    [Fact]
    public void Depth_costs_nothing()
    {
        var deep = string.Concat(Enumerable.Repeat("<div><blockquote>", 500_000)) + "deep";
        Assert.EndsWith("deep", HtmlText.Read(deep).Text, StringComparison.Ordinal);
        Assert.True(HtmlText.Read(new string('x', HtmlText.Longest + 1)).IsCut);
    }
}
