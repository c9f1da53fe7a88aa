using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class ParameterReaderTests
{
    [Theory]
    [InlineData("text/plain; charset=utf-8", "text/plain", "charset", "utf-8")]
    [InlineData("Text/Plain ; CharSet = \"UTF-8\" ", "text/plain", "charset", "UTF-8")]
    [InlineData("text/plain (comment; charset=no); charset=utf-8 (Unicode)", "text/plain", "charset", "utf-8")]
    [InlineData("text/plain; charset=utf-8;", "text/plain", "charset", "utf-8")]
    [InlineData("text/plain;; charset=utf-8", "text/plain", "charset", "utf-8")]
    [InlineData("text/plain; nonsense; charset=utf-8", "text/plain", "charset", "utf-8")]
    [InlineData("text/plain; charset=a; charset=b", "text/plain", "charset", "a")]
    [InlineData("a/b; boundary=\"a;b\\\"c\"", "a/b", "boundary", "a;b\"c")]
    [InlineData("attachment; filename=my file.pdf; size=3", "attachment", "filename", "my file.pdf")]
    [InlineData("attachment; filename=\"C:\\temp\\file.pdf\"", "attachment", "filename", "C:\\temp\\file.pdf")]
    [InlineData("attachment; filename=\"no end.pdf", "attachment", "filename", "no end.pdf")]
    [InlineData("attachment; filename=\"=?utf-8?q?Gr=C3=BC=C3=9Fe=2Epdf?=\"", "attachment", "filename", "Grüße.pdf")]
    [InlineData("attachment; filename==?utf-8?q?Gr=C3=BC=C3=9Fe=2Epdf?=", "attachment", "filename", "Grüße.pdf")]
    [InlineData("attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf", "attachment", "filename", "Grüße.pdf")]
    [InlineData("attachment; filename*=iso-8859-1'de'Gr%FC%DFe.pdf", "attachment", "filename", "Grüße.pdf")]
    [InlineData("attachment; filename*=\"UTF-8''Gr%C3%BC%C3%9Fe.pdf\"", "attachment", "filename", "Grüße.pdf")]
    [InlineData("attachment; filename=Gr__e.pdf; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf", "attachment", "filename", "Grüße.pdf")]
    [InlineData("attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf; filename=Gr__e.pdf", "attachment", "filename", "Grüße.pdf")]
    [InlineData("attachment; filename*0=\"a b\"; filename*1=c.pdf", "attachment", "filename", "a bc.pdf")]
    [InlineData("attachment; filename*1=c.pdf; filename*0=ab", "attachment", "filename", "abc.pdf")]
    [InlineData("attachment; filename*0*=UTF-8''a%C3; filename*1*=%BC; filename*2=\"%41\"", "attachment", "filename", "aü%41")]
    [InlineData("attachment; filename*0=a; filename*2=c", "attachment", "filename", "a")]
    [InlineData("attachment; filename*0=a; filename*0=b", "attachment", "filename", "a")]
    [InlineData("attachment; filename*=no-quotes.pdf", "attachment", "filename", "no-quotes.pdf")]
    [InlineData("attachment; filename*=x-unknown''Gr%C3%BCn", "attachment", "filename", "Grün")]
    [InlineData("attachment; filename*=UTF-8''a%ZZ%4", "attachment", "filename", "a%ZZ%4")]
    [InlineData("attachment; filename*=UTF-8''a%0D%0AX:%20b%00.pdf", "attachment", "filename", "a  X: b .pdf")]
    [InlineData("attachment; filename=foo(1).pdf", "attachment", "filename", "foo(1).pdf")]
    [InlineData("", "", "none", null)]
    [InlineData(";", "", "none", null)]
    [InlineData("attachment; filename*99999=a; filename*-1=b; filename**=c", "attachment", "filename", null)]
    [InlineData("attachment; filename*1=b", "attachment", "filename", null)]
    public void Values_and_parameters_are_read(string text, string value, string name, string? parameter)
    {
        var read = ParameterReader.Read(text);
        Assert.Equal(value, read.Value);
        Assert.Equal(parameter, read.Parameters.GetValueOrDefault(name));
    }
}
