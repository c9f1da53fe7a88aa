using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class CharsetReaderTests
{
    [Theory]
    [InlineData("utf-8", "47 72 C3 BC C3 9F 65", "Grüße")]
    [InlineData("UTF8", "47 72 C3 BC C3 9F 65", "Grüße")]
    [InlineData("iso-8859-1", "47 72 FC DF 65", "Grüße")]
    [InlineData("iso-8859-1", "80", "€")]
    [InlineData("iso-8859-15", "A4", "€")]
    [InlineData("iso-8859-2", "B1 EA", "ąę")]
    [InlineData("windows-1251", "CF F0 E8 E2 E5 F2", "Привет")]
    [InlineData("cp1251", "CF F0 E8 E2 E5 F2", "Привет")]
    [InlineData("koi8-r", "F0 D2 C9 D7 C5 D4", "Привет")]
    [InlineData("koi8-u", "F0 D2 C9 D7 C5 D4", "Привет")]
    [InlineData("iso-2022-jp", "1B 24 42 46 7C 4B 5C 1B 28 42", "日本")]
    [InlineData("shift_jis", "93 FA 96 7B", "日本")]
    [InlineData("cp932", "93 FA 96 7B", "日本")]
    [InlineData("euc-jp", "C6 FC CB DC", "日本")]
    [InlineData("gb2312", "D6 D0 B9 FA", "中国")]
    [InlineData("gb18030", "D6 D0 B9 FA", "中国")]
    [InlineData("hz-gb-2312", "7E 7B 56 50 39 7A 7E 7D", "中国")]
    [InlineData("big5", "A4 A4 B0 EA", "中國")]
    [InlineData("euc-kr", "C7 D1 B1 B9", "한국")]
    [InlineData("ks_c_5601-1987", "C7 D1 B1 B9", "한국")]
    [InlineData("iso-2022-kr", "1B 24 29 43 0E 47 51 31 39 0F", "한국")]
    [InlineData("windows-874", "CA C7 D1 CA", "สวัส")]
    [InlineData("windows-1255", "F9 EC E5 ED", "שלום")]
    [InlineData("iso-8859-8-i", "F9 EC E5 ED", "שלום")]
    [InlineData("utf-16", "00 41 00 42", "AB")]
    [InlineData("utf-16le", "41 00 42 00", "AB")]
    [InlineData("utf-16", "FF FE 41 00", "A")]
    [InlineData("us-ascii", "41 42", "AB")]
    public void Bytes_are_read_in_their_charset(string charset, string hex, string expected)
    {
        Assert.Equal(expected, CharsetReader.Decode(Convert.FromHexString(hex.Replace(" ", "")), charset, out var defect));
        Assert.Null(defect);
    }

    [Theory]
    [InlineData(null, "47 72 C3 BC C3 9F 65", "Grüße", "UTF-8")]
    [InlineData("", "47 72 FC DF 65", "Grüße", "windows-1252")]
    [InlineData("us-ascii", "47 72 C3 BC C3 9F 65", "Grüße", "UTF-8")]
    [InlineData("x-no-such", "47 72 FC DF 65", "Grüße", "windows-1252")]
    [InlineData("../../etc/passwd", "41", "A", "not known")]
    [InlineData("utf-7", "2B 41 44 77 2D", "+ADw-", "not accepted")]
    [InlineData("unicode-1-1-utf-7", "2B 41 44 77 2D", "+ADw-", "not accepted")]
    [InlineData("UTF-7 ", "2B 41 44 77 2D", "+ADw-", "not accepted")]
    [InlineData("cp65000", "2B 41 44 77 2D", "+ADw-", "not accepted")]
    [InlineData("utf-8", "41 FF 42", "A\uFFFDB", "not")]
    public void What_had_to_be_guessed_is_said(string? charset, string hex, string expected, string said)
    {
        Assert.Equal(expected, CharsetReader.Decode(Convert.FromHexString(hex.Replace(" ", "")), charset, out var defect));
        Assert.Contains(said, defect);
    }

    [Theory]
    [InlineData("utf-8", "Grüße aus Köln, lieber Jörg, und schöne Tage", "UTF-8")]
    [InlineData("windows-1252", "Grüße aus Köln, lieber Jörg, und schöne Tage", "windows-1252")]
    [InlineData("windows-1252", "ÄÖÜ äöü ß", "windows-1252")]
    [InlineData("windows-1251", "Привет, как дела? Мы получили ваше письмо и скоро ответим.", "windows-1251")]
    [InlineData("koi8-r", "Привет, как дела? Мы получили ваше письмо и скоро ответим.", "koi8-r")]
    [InlineData("shift_jis", "お世話になっております。ご注文ありがとうございます。", "shift_jis")]
    [InlineData("euc-jp", "お世話になっております。ご注文ありがとうございます。", "euc-jp")]
    [InlineData("iso-2022-jp", "お世話になっております。ご注文ありがとうございます。", "iso-2022-jp")]
    [InlineData("gb18030", "您好，您的订单已经收到，我们会尽快发货，谢谢。", "gb18030")]
    [InlineData("big5", "您好，您的訂單已經收到，我們會盡快出貨，謝謝。", "big5")]
    [InlineData("euc-kr", "안녕하세요. 주문해 주셔서 감사합니다. 곧 발송하겠습니다.", "euc-kr")]
    public void A_charset_that_is_missing_or_false_is_guessed_and_said(string real, string text, string said)
    {
        var bytes = CharsetReader.Find(real)!.GetBytes(text);
        foreach (var named in (string?[])[null, "us-ascii", "x-no-such"])
        {
            Assert.Equal(text, CharsetReader.Decode(bytes, named, out var defect));
            Assert.Contains("read as " + said, defect, StringComparison.Ordinal);
        }
        if (real is "utf-8" or "iso-2022-jp") return;
        Assert.Equal(text, CharsetReader.Decode(bytes, "utf-8", out var wrong));
        Assert.Contains("not; read as " + said, wrong, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_into_a_buffer_is_the_same_text()
    {
        foreach (var charset in new[] { "utf-8", "iso-2022-jp", "shift_jis", "gb18030", "utf-16", "windows-1252", null })
        {
            var bytes = Encoding.UTF8.GetBytes("Grüße 日本 \u0000 x");
            var into = new System.Buffers.ArrayBufferWriter<char>();
            CharsetReader.DecodeTo(bytes, charset, into, out _);
            Assert.Equal(CharsetReader.Decode(bytes, charset, out _), new string(into.WrittenSpan));
        }
    }

    [Fact]
    public void Half_sequences_give_replacement_signs_and_no_exception()
    {
        foreach (var charset in new[] { "utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "gb18030", "hz-gb-2312", "big5", "euc-kr", "iso-2022-kr", "utf-16", "utf-32" })
        {
            var random = new Random(7);
            var bytes = new byte[2000];
            for (var round = 0; round < 100; round++)
            {
                random.NextBytes(bytes);
                Assert.NotEmpty(CharsetReader.Decode(bytes, charset, out _));
            }
        }
    }

    [Fact]
    public void The_code_pages_are_not_registered_for_the_whole_process()
    {
        CharsetReader.Decode([0xF0], "koi8-r", out _);
        Assert.Throws<ArgumentException>(() => Encoding.GetEncoding("koi8-r"));
    }

    [Theory]
    [InlineData("<meta charset=\"windows-1250\">", "windows-1250")]
    [InlineData("<META http-equiv=Content-Type content='text/html; charset=koi8-r'>", "koi8-r")]
    [InlineData("<meta charset=utf-16>", null)]
    [InlineData("<meta charset=utf-7>", null)]
    [InlineData("<meta charset=no-such>", null)]
    [InlineData("<p>none</p>", null)]
    [InlineData("charset=", null)]
    public void Html_may_name_its_own_charset(string html, string? expected) => Assert.Equal(expected, CharsetReader.NamedInHtml(Encoding.UTF8.GetBytes(html)));
}
