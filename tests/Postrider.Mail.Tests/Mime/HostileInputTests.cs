using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

/// <summary>Input made to exhaust the stack, the memory or the patience of a reader.</summary>
public sealed class HostileInputTests
{
    private static string Many(string text, int times) => new StringBuilder().Insert(0, text, times).ToString();

    private static string Nested(int levels, Func<int, string> boundary)
    {
        var text = new StringBuilder();
        for (var i = 0; i < levels; i++) text.Append($"Content-Type: multipart/mixed; boundary=\"{boundary(i)}\"\r\n\r\n--{boundary(i)}\r\n");
        return text.Append("Content-Type: text/plain\r\n\r\ndeep\r\n").ToString();
    }

    public static TheoryData<string, string> Inputs => new()
    {
        { "10,000 nested multiparts", Nested(10_000, i => "b" + i) },
        { "10,000 nested multiparts of one boundary", Nested(10_000, _ => "b") },
        { "10,000 nested messages", Many("Content-Type: message/rfc822\r\n\r\n", 10_000) },
        { "10,000 nested messages, each encoded", Many("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", 10_000) },
        { "1,000,000 parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + Many("--b\n\n", 1_000_000) },
        { "30,000 parts in 900 levels", Nested(900, i => "b" + i) + Many("--b99\r\n\r\n", 30_000) },
        { "delimiter look-alikes under 100 levels of equal length", Nested(100, i => new string('b', 60) + (100 + i)) + Many("--" + new string('b', 60) + "999\n", 50_000) },
        { "a line of dashes", Nested(99, i => "b" + (100 + i)) + Many("--\n", 1_000_000) },
        { "multiparts without boundaries", Nested(500, _ => "") + Many("--x\r\n", 100_000) },
        { "100,000 header lines", Many("X-Line: 1\r\n", 100_000) + "\r\nbody" },
        { "a header of 1 MB", "Subject: " + Many("=?utf-8?q?a?= ", 75_000) + "\r\n\r\nbody" },
        { "a header of 4 MB in short folds", "Subject: a" + Many("\r\n b", 1_000_000) + "\r\n\r\nbody" },
        { "250,000 addresses", "To: " + Many("a@example.com, ", 250_000) + "b@example.com\r\n\r\nbody" },
        { "250,000 things that are no address", "To: " + Many("a b, ", 200_000) + "\r\n\r\nbody" },
        { "100,000 nested comments", "From: " + Many("(", 100_000) + " ann@example.com\r\n\r\nbody" },
        { "100,000 nested comments in an address", "From: <ann" + Many("(", 100_000) + "@example.com>\r\n\r\nbody" },
        { "angle brackets without end", "From: " + Many("<", 500_000) + "\r\n\r\nbody" },
        { "quotes and backslashes", "From: " + Many("\"\\", 250_000) + "\r\n\r\nbody" },
        { "angle brackets and quotes without end", "From: " + Many("<\"\\\" ", 200_000) + "\r\n\r\nbody" },
        { "colons after mailto", "From: mailto" + Many(":", 1_000_000) + "\r\n\r\nbody" },
        { "groups", "To: " + Many("a:", 250_000) + "\r\n\r\nbody" },
        { "words without commas", "To: " + Many("a@b ", 100_000) + "\r\n\r\nbody" },
        { "512 KiB of blank lines", "Subject: x\r\n" + Many("\r\n", 262_144) },
        { "encoded words that never end", "Subject: " + Many("=?", 500_000) + "\r\n\r\nbody" },
        { "encoded words of many charsets", "Subject: " + Many("=?iso-2022-jp?b?GyRC?= =?koi8-r?b?wQ==?= =?x-no?q?=FF?= ", 10_000) + "\r\n\r\nbody" },
        { "ids without end", "References: " + Many("<", 1_000_000) + "\r\n\r\nbody" },
        { "ids of one letter", "References: " + string.Concat(Enumerable.Range(0, 100_000).Select(i => $"<{i}>")) + "\r\n\r\nbody" },
        { "100,000 parameters", "Content-Type: text/plain" + Many("; a=b", 100_000) + "\r\n\r\nbody" },
        { "parameter pieces in the wrong order", "Content-Type: text/plain" + string.Concat(Enumerable.Range(0, 20_000).Select(i => $"; name*{20_000 - i}*=a")) + "\r\n\r\nbody" },
        { "base64 that is none", "Content-Transfer-Encoding: base64\r\n\r\n" + Many("=A=", 500_000) },
        { "base64 of one letter a line", "Content-Transfer-Encoding: base64\r\n\r\n" + Many("A\r\n", 500_000) },
        { "quoted-printable of equals signs", "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + Many("=", 1_500_000) },
        { "quoted-printable of soft breaks", "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + Many("=\r\n", 500_000) },
        { "quoted-printable of trailing spaces", "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + Many(" ", 1_500_000) },
        { "uuencode of long lines", "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\n" + Many("_", 1_500_000) },
        { "a date of a megabyte", "Date: " + Many("1 ", 500_000) + "\r\n\r\nbody" },
        { "mbox lines", Many("From a\r\n", 100_000) },
        { "carriage returns only", Many("\r", 1_000_000) },
        { "zeros", Many("\0", 1_000_000) },
        { "nothing", "" },
    };

    [Theory, MemberData(nameof(Inputs), DisableDiscoveryEnumeration = true)]
    public void Reading_stays_linear(string what, string text) => Bounds.Hold(Encoding.UTF8.GetBytes(text), what);

    [Fact]
    public void Whatever_is_repeated_reading_stays_linear()
    {
        string[] tokens =
        [
            "<", ">", "\"", "\\", "(", ")", ",", ";", ":", "@", " ", "\r\n ", "=?", "?=", "=?utf-8?q?", "=?utf-8?b?", "a", "b@c.d", "'", "*", "*0*=", "filename", "=", "%", "%41", "--", "-", "\r\n", "\n", "\r", "--b", "\r\n--b\r\n", "1", "Jan", "+0100", ".", "[", "]", "<a@b>",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "Content-Type: multipart/mixed\r\n\r\n", "Content-Type: message/rfc822\r\n\r\n", "Content-Transfer-Encoding: base64\r\n", "mailto:", "begin 644 x\n", "\0", "\t", "Ü", "charset=", "utf-16", "QUJD", "=\r\n", "boundary=",
        ];
        string[] beginnings =
        [
            "", "From: ", "To: Ann <", "Subject: ", "References: ", "Date: ", "Content-ID: ", "Content-Type: text/plain; ", "Content-Disposition: attachment; filename=", "Content-Type: text/html\r\n\r\n", "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
            "Content-Type: multipart/mixed\r\n\r\n", "Content-Transfer-Encoding: base64\r\n\r\n", "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
        ];
        var random = new Random(20261122);
        string Some(int least, int most) => string.Concat(Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => tokens[random.Next(tokens.Length)]));
        for (var n = 0; n < 150; n++)
        {
            var (beginning, once, pattern) = (beginnings[random.Next(beginnings.Length)], Some(0, 2), Some(1, 5));
            Bounds.Hold(Encoding.UTF8.GetBytes(beginning + once + Many(pattern, 300_000 / pattern.Length) + "\r\n\r\nbody"), beginning + once + " and then again and again " + pattern);
        }
    }

    [Fact]
    public void Deep_nesting_is_cut_and_said()
    {
        var message = MimeMessage.Read(Encoding.UTF8.GetBytes(Nested(10_000, i => "b" + i)));
        var depth = 0;
        var part = message.Root;
        for (; part.Children is [var child, ..]; part = child) depth++;
        Assert.Equal(MimeLimits.Default.Depth, depth);
        Assert.StartsWith("multipart/", part.MediaType);
        Assert.Contains("--b9999", Encoding.UTF8.GetString(part.RawBody.Span));
        Assert.Contains(message.Defects, d => d.Detail.Contains("nested deeper than 100"));
    }

    [Fact]
    public void Too_many_parts_are_kept_as_one()
    {
        var message = MimeMessage.Read(Encoding.UTF8.GetBytes("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + Many("--b\r\n\r\nx\r\n", 5000) + "--b--\r\n"), new MimeLimits { Parts = 10 });
        Assert.Equal(10, message.Root.Children.Count);
        var rest = message.Root.Children[^1];
        Assert.Equal("application/octet-stream", rest.MediaType);
        Assert.Contains(rest, message.Attachments);
        Assert.EndsWith("--b--\r\n", Encoding.UTF8.GetString(rest.DecodeBytes()));
        Assert.Contains(message.Defects, d => d.Detail.Contains("more than 10 parts"));
    }

    [Fact]
    public void Headers_beyond_the_limits_are_kept_as_bytes()
    {
        var text = Many("X-Line: 1\r\n", 2000) + "Subject: last\r\n\r\nbody";
        var message = MimeMessage.Read(Encoding.UTF8.GetBytes(text));
        Assert.Equal(MimeLimits.Default.HeaderFields, message.Headers.Count);
        Assert.Null(message.Subject);
        Assert.EndsWith("Subject: last\r\n", Encoding.UTF8.GetString(message.Root.RawHeaders.Span));
        Assert.Equal("body", message.TextBody);
        Assert.Contains(message.Defects, d => d.Detail.Contains("more than 1000 fields"));

        var large = MimeMessage.Read(Encoding.UTF8.GetBytes("X-Large: " + Many("a", 2000) + "\r\nSubject: last\r\n\r\nbody"), new MimeLimits { HeaderBytes = 1000 });
        Assert.Empty(large.Headers);
        Assert.StartsWith("X-Large: aaa", large.TextBody);
        Assert.Contains(large.Defects, d => d.Kind == MimeDefectKind.LimitReached && d.Detail.Contains("longer than 1000 bytes"));
    }

    [Fact]
    public void Addresses_beyond_the_limit_are_left_out_and_said()
    {
        var message = MimeMessage.Read(Encoding.UTF8.GetBytes("To: " + Many("a@example.com,", 50) + "\r\nTo: b@example.com\r\n\r\n"), new MimeLimits { Addresses = 20 });
        Assert.Equal(20, message.To.Count);
        Assert.Contains(message.Defects, d => d.Detail.Contains("first 20 addresses"));
    }

    [Fact]
    public void Of_ten_thousand_references_the_root_and_the_nearest_stay()
    {
        var message = MimeMessage.Read(Encoding.UTF8.GetBytes("References:" + string.Concat(Enumerable.Range(0, 10_000).Select(i => $"\r\n <{i}@example.com>")) + "\r\n\r\n"));
        Assert.Equal(1000, message.References.Count);
        Assert.Equal("0@example.com", message.References[0]);
        Assert.Equal("9999@example.com", message.References[^1]);
    }
}
