using System.Diagnostics;
using System.Text.Json;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;
using Postrider.Conversations;

namespace Postrider.Tests.Conversations;

public sealed class SafeHtmlTests
{
    private static readonly HashSet<string> Acting =
    [
        "script", "style", "iframe", "frame", "object", "embed", "applet", "form", "input", "button", "textarea", "select", "link", "meta", "base", "svg", "math", "template", "video", "audio",
        "source", "track", "noscript", "title", "xmp", "plaintext", "listing", "keygen", "isindex", "marquee", "portal", "dialog",
    ];

    [Theory]
    [InlineData("xss-dompurify", 100)]
    [InlineData("xss-h5sc", 70)]
    public void Nothing_that_acts_is_left_of_the_payloads_of_a_corpus(string corpus, int atLeast)
    {
        var folder = Environment.GetEnvironmentVariable("POSTRIDER_CORPORA");
        Assert.SkipWhen(folder is null, "POSTRIDER_CORPORA is not set: the corpora are not part of the repository.");
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, corpus, "payloads.json")));
        var payloads = json.RootElement.EnumerateArray().Select(p => p.ValueKind == JsonValueKind.String ? p.GetString()! : p.GetProperty(p.TryGetProperty("payload", out _) ? "payload" : "data").GetString()!).ToList();
        Assert.True(payloads.Count >= atLeast, $"Only {payloads.Count} payloads were found.");

        foreach (var payload in payloads) AssertHarmless(SafeHtml.From(payload).Html, payload);
    }

    [Theory]
    [InlineData("<script>alert(1)</script>hello", "hello")]
    [InlineData("<p onclick=alert(1) style='position:fixed;color:red'>hi</p>", "<p style=\"color: red\">hi</p>")]
    [InlineData("<a href='javascript:alert(1)'>x</a>", "<a>x</a>")]
    [InlineData("<a href=' jAvAsCrIpT&#58;alert(1)'>x</a>", "<a>x</a>")]
    [InlineData("<a href='data:text/html,x'>x</a>", "<a>x</a>")]
    [InlineData("<a href='file:///etc/passwd'>x</a>", "<a>x</a>")]
    [InlineData("<form action=//evil><input name=a>words</form>", "words")]
    [InlineData("<svg><script>alert(1)</script></svg>after", "after")]
    [InlineData("<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>after", "after")]
    [InlineData("<div style=\"background:url(//evil/x)\">a</div>", "<div>a</div>")]
    [InlineData("<div style=\"width:expression(alert(1))\">a</div>", "<div>a</div>")]
    [InlineData("<div style=\"color:\\72 ed\">a</div>", "<div>a</div>")]
    [InlineData("a < b & c", "a &lt; b &amp; c")]
    public void What_acts_goes_and_the_words_stay(string html, string expected) => Assert.Equal(expected, SafeHtml.From(html).Html);

    [Fact]
    public void A_link_opens_elsewhere_without_telling_where_from() =>
        Assert.Equal("<a href=\"https://example.com/a?b=1&amp;c=2\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">read</a>", SafeHtml.From("<a href='https://example.com/a?b=1&c=2'>read</a>").Html);

    [Fact]
    public void A_link_whose_words_name_another_host_shows_the_real_one()
    {
        var safe = SafeHtml.From("<a href='https://evil.example/login'>https://www.bank.example</a>");
        Assert.Contains("[evil.example]", safe.Html, StringComparison.Ordinal);
        Assert.Contains("[evil.example]", safe.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("real-host", SafeHtml.From("<a href='https://www.bank.example/x'>bank.example</a>").Html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<img src='https://tracker.example/p.gif' alt='Logo'>")]
    [InlineData("<img src='//tracker.example/p.gif' alt='Logo'>")]
    [InlineData("<img src='https://tracker.example/p.gif' srcset='https://tracker.example/q.gif 2x' alt='Logo'>")]
    public void A_remote_picture_is_counted_and_its_words_shown(string html)
    {
        var safe = SafeHtml.From(html);
        Assert.Equal("Logo", safe.Html);
        Assert.Equal(1, safe.BlockedPictures);
    }

    [Fact]
    public void A_picture_of_the_message_itself_is_shown_unless_it_is_a_program()
    {
        static string? Find(string id) => id == "logo@x" ? "/pictures/word" : null;

        Assert.Equal("<img alt=\"L\" src=\"/pictures/word\" referrerpolicy=\"no-referrer\">", SafeHtml.From("<img src='cid:logo%40x' alt=L onerror=x>", Find).Html);
        Assert.Equal("", SafeHtml.From("<img src='cid:gone@x'>", Find).Html);
    }

    [Fact]
    public void Text_reads_like_the_page() =>
        Assert.Equal("Hello Ann,\n\nfirst line\nsecond line", SafeHtml.From("<p>Hello  <b>Ann</b>,</p><div>first line<br>second\n line</div><style>p{}</style>").Text);

    [Fact]
    public void A_message_nested_too_deep_keeps_its_words_and_says_that_it_was_cut()
    {
        var safe = SafeHtml.From(string.Concat(Enumerable.Repeat("<div>", 1000)) + "bottom");
        Assert.True(safe.Cut);
        Assert.Contains("bottom", safe.Text, StringComparison.Ordinal);
        Assert.True(safe.Html.Split("<div>").Length <= SafeHtml.MaxDepth + 1);
    }

    [Theory]
    [InlineData("<div>")]
    [InlineData("<blockquote><p>")]
    [InlineData("<b><i><u>")]
    [InlineData("<table><tr><td>")]
    [InlineData("<a href=x>")]
    [InlineData("<div></span>")]
    [InlineData("<span><div></span>")]
    [InlineData("<p><font>")]
    [InlineData("<ul><li>")]
    public void A_million_nested_tags_take_bounded_time(string tags)
    {
        var html = string.Concat(Enumerable.Repeat(tags, 1_000_000));
        var watch = Stopwatch.StartNew();
        var safe = SafeHtml.From(html);
        Assert.True(safe.Cut);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"It took {watch.Elapsed}.");
    }

    private static void AssertHarmless(string html, string payload)
    {
        var document = new HtmlParser(new HtmlParserOptions { IsScripting = true }).ParseDocument("<!doctype html><html><body>" + html + "</body></html>");
        foreach (var element in document.All)
        {
            if (element is { LocalName: "html" or "head" or "body" }) continue;
            Assert.False(Acting.Contains(element.LocalName) || element.NamespaceUri != NamespaceNames.HtmlUri, $"<{element.LocalName}> is left of {payload}");
            foreach (var attribute in element.Attributes)
            {
                Assert.False(attribute.Name.StartsWith("on", StringComparison.OrdinalIgnoreCase), $"{attribute.Name} is left of {payload}");
                Assert.False(attribute.Name is "srcdoc" or "action" or "formaction" or "background" or "poster" or "srcset" or "xlink:href" or "id" or "name" or "class" && attribute.Value != "real-host", $"{attribute.Name} is left of {payload}");
                if (attribute.Name is "href") Assert.Matches("^(https?://|mailto:|tel:)", attribute.Value);
                if (attribute.Name is "src") Assert.StartsWith("data:image/", attribute.Value, StringComparison.Ordinal);
                if (attribute.Name is "style") Assert.DoesNotMatch("(?i)url|expression|import|\\\\|javascript|position|behavior|binding", attribute.Value);
            }
        }
        // What is shown is what was checked: writing and reading once more changes nothing (mutation XSS).
        Assert.Equal(html.TrimStart(), SafeHtml.From(html).Html.Replace("<span> [", "<span class=\"real-host\"> [", StringComparison.Ordinal).TrimStart(), ignoreLineEndingDifferences: true);
    }

    [Theory]
    [InlineData("<img src='https://a.example/x.png'>", "<img src=\"https://a.example/x.png\" referrerpolicy=\"no-referrer\">")]
    [InlineData("<img src='http://a.example/x.png'>", "")]
    [InlineData("<img src='//a.example/x.png'>", "")]
    [InlineData("<img src='https://user:pass@a.example/x.png'>", "")]
    [InlineData("<img src='data:image/svg+xml,x'>", "")]
    [InlineData("<img srcset='https://a.example/x.png 2x'>", "")]
    [InlineData("<p style='background: url(https://a.example/x.png)'>x</p>", "<p>x</p>")]
    public void Of_remote_pictures_only_those_by_https_are_shown_and_only_when_asked_for(string html, string shown)
    {
        Assert.Equal(shown, SafeHtml.From(html, remotePictures: true).Html);
        Assert.DoesNotContain("a.example", SafeHtml.From(html).Html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<p>Hello</p>", 40, 120)]
    [InlineData("Hello", 40, 60)]
    [InlineData("<img src='https://a.example/x.png' height=400>", 400, 500)]
    [InlineData("<table><tr><td>left</td><td><p>one</p><p>two</p></td></tr></table>", 80, 220)]
    public void The_height_is_estimated_as_it_is_laid_out(string html, int least, int most) =>
        Assert.InRange(SafeHtml.From(html, remotePictures: true).Height, least, most);

    [Fact]
    public void The_cells_of_a_row_stand_beside_each_other()
    {
        var text = string.Concat(Enumerable.Repeat("word ", 200));
        var beside = SafeHtml.From($"<table><tr><td>{text}</td><td>{text}</td></tr></table>").Height;
        var below = SafeHtml.From($"<table><tr><td>{text}</td></tr><tr><td>{text}</td></tr></table>").Height;
        // Half as wide, so each is twice as tall, but only one of them counts.
        Assert.InRange(beside, below - 60, below + 60);
    }
}
