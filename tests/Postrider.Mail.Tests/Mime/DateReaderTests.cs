using System.Globalization;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class DateReaderTests
{
    [Theory]
    [InlineData("Sun, 22 Nov 2026 12:00:00 +0100", "2026-11-22T12:00:00+01:00")]
    [InlineData("22 Nov 2026 12:00 -0530", "2026-11-22T12:00:00-05:30")]
    [InlineData("Sun, 22 Nov 2026 12:00:00 +0100 (CET)", "2026-11-22T12:00:00+01:00")]
    [InlineData("Sun , 22 Nov 2026\r\n 12:00:00 (a (nested) comment) GMT", "2026-11-22T12:00:00+00:00")]
    [InlineData("Fri, 21 Nov 97 09:55:06 EST", "1997-11-21T09:55:06-05:00")]
    [InlineData("21 Nov 03 09:55:06 PDT", "2003-11-21T09:55:06-07:00")]
    [InlineData("21 Nov 101 09:55:06 Z", "2001-11-21T09:55:06+00:00")]
    [InlineData("Sun Nov 22 12:00:00 2026", "2026-11-22T12:00:00+00:00")]
    [InlineData("Sunday, 22-Nov-2026 12:00:00 UTC", "2026-11-22T12:00:00+00:00")]
    [InlineData("22 November 2026 12:00:00 GMT+0200", "2026-11-22T12:00:00+02:00")]
    [InlineData("22 Nov 2026 12:00:00+0200", "2026-11-22T12:00:00+02:00")]
    [InlineData("22 Nov 2026", "2026-11-22T00:00:00+00:00")]
    [InlineData("22 Nov 2026 23:59:60 +0000", "2026-11-22T23:59:59+00:00")]
    [InlineData("22 Nov 2026 12:00:00 -1800", "2026-11-23T06:00:00+00:00")]
    [InlineData("22 Nov 2026 12:00:00 K", "2026-11-22T12:00:00+00:00")]
    [InlineData("Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00+00:00")]
    [InlineData("Fri, 31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59+00:00")]
    public void Dates_are_read(string text, string expected)
    {
        var date = DateReader.Read(text);
        Assert.Equal(DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture), date);
        Assert.Equal(DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture).Offset, date!.Value.Offset);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("32 Nov 2026 12:00:00 +0000")]
    [InlineData("31 Nov 2026 12:00:00 +0000")]
    [InlineData("22 Nov 2026 25:00:00 +0000")]
    [InlineData("22 Nov 2026 12:61:00 +0000")]
    [InlineData("1 Jan 0000 00:00:00 +0000")]
    [InlineData("1 Jan 0001 00:00:00 +0900")]
    [InlineData("31 Dec 9999 23:59:59 -0900")]
    [InlineData("1 Jan 99999 00:00:00 +0000")]
    [InlineData("1 Jan 2026 ::: +0000")]
    public void What_is_no_date_is_null(string? text) => Assert.Null(DateReader.Read(text));
}
