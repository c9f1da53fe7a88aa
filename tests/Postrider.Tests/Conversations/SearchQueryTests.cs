using Postrider.Conversations;

namespace Postrider.Tests.Conversations;

public sealed class SearchQueryTests
{
    [Theory]
    [InlineData("invoice", "\"invoice\" *")]
    [InlineData("Käse Grüße", "\"kase\" * AND \"gru\u00dfe\" *")]
    [InlineData("\"three loaves\"", "\"three loaves\"")]
    [InlineData("from:Ann to:sales@hub.example", "sender : \"ann\" * AND recipients : \"sales hub example\" *")]
    [InlineData("from:\"Ann Lee\"", "sender : \"ann lee\"")]
    [InlineData("subject:order x", "subject : \"order\" * AND \"x\"")]
    [InlineData("has:attachment is:open", "")]
    [InlineData("NEAR(a b, 3)", "\"near a\" AND \"b\" AND \"3\"")]
    [InlineData("a OR b*", "\"a\" AND \"or\" * AND \"b\"")]
    [InlineData("\"", "")]
    [InlineData("\"never closed", "\"never closed\"")]
    [InlineData("*", "")]
    [InlineData("'; drop table conversation --", "\"drop\" * AND \"table\" * AND \"conversation\" *")]
    [InlineData("http://example.org/a", "\"http example org a\"")]
    [InlineData("請求書", "\"請 求 書\"")]
    public void A_line_becomes_terms_of_plain_words(string line, string expected) => Assert.Equal(expected, SearchIndex.Sqlite.Match(SearchQuery.Parse(line).Terms));

    [Theory]
    [InlineData("invoice", "(invoice:*)")]
    [InlineData("\"three loaves\" from:ann", "(three <-> loaves) & (ann:*B)")]
    [InlineData("to:sales@hub.example", "(sales:C <-> hub:C <-> example:*C)")]
    [InlineData("subject:\"a b\"", "(a:A <-> b:A)")]
    [InlineData("a' & !b | (c:*D", "(a) & (b) & (c <-> d)")]
    public void PostgreSQL_is_asked_for_the_same(string line, string expected) => Assert.Equal(expected, SearchIndex.Postgres.Match(SearchQuery.Parse(line).Terms));

    [Fact]
    public void What_is_asked_of_the_conversation_is_no_word()
    {
        var query = SearchQuery.Parse("HAS:Attachment is:closed");
        Assert.Equal((true, (bool?)false, 0, false), (query.HasAttachment, query.IsOpen, query.Terms.Count, query.IsEmpty));
        Assert.True(SearchQuery.Parse("  ?! ").IsEmpty);
        Assert.Single(SearchQuery.Parse("is:nothing").Terms);
    }

    [Fact]
    public void Ten_kilobytes_are_cut_and_not_refused()
    {
        var query = SearchQuery.Parse(string.Concat(Enumerable.Repeat("word ", 2_000)));
        Assert.Equal(20, query.Terms.Count);
        Assert.Single(SearchQuery.Parse(new string('"', 10_000) + "x").Terms.Concat(SearchQuery.Parse("x").Terms));
    }

    [Fact]
    public void The_snippet_shows_the_place_and_marks_the_words_as_written()
    {
        var text = string.Concat(Enumerable.Repeat("filler words here. ", 30)) + "Drei Käsekuchen, bitte! " + string.Concat(Enumerable.Repeat("and more. ", 30));
        var parts = SearchSnippet.Of(text, SearchQuery.Parse("kase").Terms);
        Assert.Equal("Käsekuchen", Assert.Single(parts, part => part.Marked).Text);
        Assert.Equal("…", parts[0].Text);
        Assert.Contains("Drei ", string.Concat(parts.Select(part => part.Text)), StringComparison.Ordinal);
        Assert.True(string.Concat(parts.Select(part => part.Text)).Length < 200);
        Assert.DoesNotContain(SearchSnippet.Of("nothing of it", SearchQuery.Parse("kase").Terms), part => part.Marked);
    }

    [Fact]
    public void A_text_is_folded_into_the_words_that_are_found_in_it()
    {
        string[] pieces = ["a", "Z", "0", " ", "-", "\u00e9", "e\u0301", "\u0301", "\u6771", "\u0e01", "\ufb01", "\u0130", "\ud83c\udf70", "\ud800", "\udc00", "\ud840\udc00", "\u200d", "\n", new string('q', 70)];
        var random = new Random(20261129);
        for (var i = 0; i < 5000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => pieces[random.Next(pieces.Length)]));
            Assert.Equal(string.Join(' ', SearchWords.Of(text).Select(word => word.Folded)), SearchWords.Fold(text));
        }
    }

    [Fact]
    public void A_text_that_is_no_unicode_is_folded_all_the_same()
    {
        var words = SearchWords.Fold("a\ud800b \udc00 c\u0301 ÅNGSTRÖM \ud83c\udf70 " + new string('x', 500));
        Assert.StartsWith("a b c angstrom ", words, StringComparison.Ordinal);
        Assert.EndsWith(" " + new string('x', 64), words, StringComparison.Ordinal);
    }
}
