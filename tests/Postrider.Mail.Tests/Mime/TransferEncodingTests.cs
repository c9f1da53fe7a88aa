using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class TransferEncodingTests
{
    [Theory]
    [InlineData("R3LDvMOfZQ==", "Grüße")]
    [InlineData("R3LD\r\nvMOf\r\nZQ==\r\n", "Grüße")]
    [InlineData("R3LDvMOfZQ", "Grüße")]
    [InlineData("R3LD!vMOfZQ==", "Grüße")]
    [InlineData("YQ==Yg==", "ab")]
    [InlineData("YWI=\r\nYw==\r\n", "abc")]
    [InlineData("R3LDvMOfZQ==\r\n--\r\n", "Grüße")]
    [InlineData("SGVsbG8sIHRoaXMgaXMgYSB0ZXh0IHRoYXQgaXMgbG9uZ2VyIHRoYW4gdGhlIGZvb3RlciB3aGljaCBhIGxpc3QgaGFzIGFkZGVkIHRvIGl0IQ==\r\n\r\n_______\r\na list\r\n", "Hello, this is a text that is longer than the footer which a list has added to it!")]
    [InlineData("this is no base64, it only says so", "this is no base64, it only says so")]
    [InlineData("", "")]
    [InlineData("=", "")]
    public void Base64_is_read_tolerantly(string body, string expected) => Assert.Equal(expected, Decoded(body, "base64"));

    [Theory]
    [InlineData("Gr=C3=BC=C3=9Fe", "Grüße")]
    [InlineData("Gr=c3=bc=c3=9fe", "Grüße")]
    [InlineData("a=\r\nb", "ab")]
    [InlineData("a=\nb", "ab")]
    [InlineData("a= \t\r\nb", "ab")]
    [InlineData("a  \r\nb", "a\r\nb")]
    [InlineData("a=20\r\nb", "a \r\nb")]
    [InlineData("1=2, 100=ZZ, x=", "1=2, 100=ZZ, x")]
    [InlineData("a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n")]
    [InlineData("=", "")]
    [InlineData("", "")]
    public void Quoted_printable_is_read_tolerantly(string body, string expected) => Assert.Equal(expected, Decoded(body, "quoted-printable"));

    [Theory]
    [InlineData("begin 644 cat.txt\n#0V%T\n`\nend\n", "Cat")]
    [InlineData("preamble\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n", "Cat")]
    [InlineData("begin 644 cat.txt\n#0V%T", "Cat")]
    [InlineData("no beginning", "")]
    public void Uuencode_is_read(string body, string expected) => Assert.Equal(expected, Decoded(body, "x-uuencode"));

    [Fact]
    public void Other_encodings_leave_the_bytes_as_they_are() => Assert.Equal("a=41", Decoded("a=41", "x-unknown"));

    private static string Decoded(string body, string encoding) => Encoding.UTF8.GetString(TransferEncoding.Decode(Encoding.UTF8.GetBytes(body), encoding));
}
