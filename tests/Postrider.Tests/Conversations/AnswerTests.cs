using Postrider.Conversations;

namespace Postrider.Tests.Conversations;

public sealed class AnswerTests
{
    [Fact]
    public void An_answer_refers_to_what_it_answers_and_to_all_before()
    {
        var answer = Answer.To("Order 7", "c@x", ["a@x", "b@x"]);
        Assert.Equal("Re: Order 7", answer.Subject);
        Assert.Equal("c@x", answer.InReplyTo);
        Assert.Equal(["a@x", "b@x", "c@x"], answer.References);
    }

    [Fact]
    public void A_message_without_an_id_is_answered_by_its_references()
    {
        var answer = Answer.To("x", null, ["a@x"]);
        Assert.Null(answer.InReplyTo);
        Assert.Equal(["a@x"], answer.References);
    }

    [Fact]
    public void A_long_list_keeps_its_first_and_its_newest()
    {
        var answer = Answer.To("x", "last@x", [.. Enumerable.Range(0, 10_000).Select(i => $"{i}@x")]);
        Assert.Equal(20, answer.References.Count);
        Assert.Equal("0@x", answer.References[0]);
        Assert.Equal("last@x", answer.References[^1]);
    }

    [Theory]
    [InlineData("Re: Re: AW: Order", "Order")]
    [InlineData("RE[2] : Order", "Order")]
    [InlineData("回复：Order", "Order")]
    [InlineData("Fwd: Re: Order", "Order")]
    [InlineData("Regarding your order", "Regarding your order")]
    [InlineData("Re[x]: Order", "Re[x]: Order")]
    [InlineData("a\r\nBcc: b", "a  Bcc: b")]
    [InlineData(null, "")]
    public void Prefixes_of_answers_are_taken_off(string? subject, string bare) => Assert.Equal(bare, ThreadSubject.Bare(subject));

    [Fact]
    public void A_snippet_is_one_short_line()
    {
        Assert.Equal("Hello Ann", Snippet.Of("  Hello \r\n\t Ann "));
        Assert.Equal("aaaaa…", Snippet.Of(new string('a', 9_000), 5));
        Assert.Equal("", Snippet.Of(null));
    }

    [Theory]
    [InlineData("../../etc/passwd", "passwd")]
    [InlineData("C:\\Windows\\a.txt", "a.txt")]
    [InlineData("invoice\u202Excod.exe", "invoicexcod.exe")]
    [InlineData("a\0b\r\n.txt", "ab.txt")]
    [InlineData("CON.txt", "_CON.txt")]
    [InlineData("a<b>:c|d?.txt", "a_b__c_d_.txt")]
    [InlineData(null, "file-1.pdf")]
    [InlineData("...", "file-1.pdf")]
    [InlineData("Angebot für Müller.pdf", "Angebot für Müller.pdf")]
    public void File_names_are_made_safe(string? given, string safe) => Assert.Equal(safe, SafeFileName.From(given, 0, "application/pdf"));

    [Theory]
    [InlineData("message/delivery-status", "delivery-status-2.txt")]
    [InlineData("text/rfc822-headers", "headers-2.txt")]
    [InlineData("message/disposition-notification", "receipt-2.txt")]
    [InlineData("message/rfc822", "file-2.eml")]
    [InlineData("x/y", "file-2.bin")]
    public void A_file_without_a_name_is_called_after_what_it_is(string mediaType, string name) => Assert.Equal(name, SafeFileName.From(null, 1, mediaType));

    [Fact]
    public void A_long_file_name_keeps_its_extension()
    {
        var safe = SafeFileName.From(new string('x', 300) + ".pdf", 0, "application/pdf");
        Assert.Equal(120, safe.Length);
        Assert.EndsWith(".pdf", safe, StringComparison.Ordinal);
    }
}
