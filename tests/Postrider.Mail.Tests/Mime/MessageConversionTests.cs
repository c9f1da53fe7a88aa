using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Tests.Mime;

public sealed class MessageConversionTests
{
    private static readonly string Long = new('x', 3000);

    [Fact]
    public async Task Leaves_that_do_not_fit_are_encoded_and_the_rest_stands()
    {
        var message = $"""
            Subject: x
            MIME-Version: 1.0
            Content-Type: multipart/mixed; boundary=b
            Content-Transfer-Encoding: 8bit

            Grüße in the preamble
            --b
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: 8bit

            Grüße an alle im Haus
            --b
            Content-Type: text/plain

            {Long}
            --b
            Content-Type: application/pdf
            Content-Transfer-Encoding: binary
            Content-Disposition: attachment; filename=a.pdf

            %PDF üüüüüüüüüüüüüüüüüüüüüüüüüüüüüü
            --b
            Content-Type: application/zip
            Content-Transfer-Encoding: base64

            {new string('A', 4000)}
            --b
            Content-Type: message/rfc822
            Content-Transfer-Encoding: 8bit

            Subject: inner
            Content-Transfer-Encoding: 8bit

            Grüße an alle im Haus
            --b--

            """;
        var crlf = message.ReplaceLineEndings("\r\n");
        foreach (var lineEnds in (string[])["\r\n", "\n"])
        {
            var (outcome, bytes) = await ConvertAsync(Encoding.UTF8.GetBytes(message.ReplaceLineEndings(lineEnds)), SmtpBodyKind.SevenBit);
            Assert.IsType<ConversionOutcome.Converted>(outcome);
            AssertFits(bytes, SmtpBodyKind.SevenBit);
            var parts = MimeMessage.Read(bytes).Root.Children;
            Assert.Equal(["quoted-printable", "quoted-printable", "base64", "base64", "7bit"], parts.Select(p => p.TransferEncodingName));
            Assert.Equal("Grüße an alle im Haus", parts[0].DecodeText());
            Assert.Equal(Long, parts[1].DecodeText());
            Assert.Equal("%PDF üüüüüüüüüüüüüüüüüüüüüüüüüüüüüü", Encoding.UTF8.GetString(parts[2].DecodeBytes()));
            Assert.Equal(3000, parts[3].DecodeBytes().Length);
            Assert.Equal("inner", parts[4].Children[0].Find("Subject")!.Value.Text);
            Assert.Equal("Grüße an alle im Haus", Encoding.UTF8.GetString(parts[4].Children[0].DecodeBytes()));
            Assert.Equal("7bit", MimeMessage.Read(bytes).Root.TransferEncodingName);
            Assert.StartsWith("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n", Encoding.ASCII.GetString(bytes), StringComparison.Ordinal);
        }
        var (_, eight) = await ConvertAsync(Encoding.UTF8.GetBytes(crlf), SmtpBodyKind.EightBit);
        AssertFits(eight, SmtpBodyKind.EightBit);
        Assert.Equal("8bit", MimeMessage.Read(eight).Root.Children[0].TransferEncodingName);
    }

    [Fact]
    public async Task What_fits_goes_as_it_is()
    {
        var bytes = "Subject: Grüße\r\n\r\nGrüße"u8.ToArray();
        var (outcome, written) = await ConvertAsync(bytes, SmtpBodyKind.EightBit);
        Assert.Equal(new ConversionOutcome.Converted(SmtpBodyKind.EightBit, 0), outcome);
        Assert.Equal(bytes, written);
    }

    [Fact]
    public async Task A_message_that_just_sends_eight_bits_says_so_afterwards()
    {
        var (_, bytes) = await ConvertAsync("Subject: x\n\nGr\u00fc\u00dfe an alle\n"u8.ToArray(), SmtpBodyKind.SevenBit);
        Assert.Equal("Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe an alle\r\n", Encoding.ASCII.GetString(bytes));
    }

    [Theory]
    [InlineData("Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\r\n\r\n--b\r\n\r\nGr\u00fc\u00dfe\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nxxx\r\n--b--\r\n", ConversionObstacle.SignatureBreaks)]
    [InlineData("Subject: Gr\u00fc\u00dfe\r\n\r\n", ConversionObstacle.HeaderNotAscii)]
    [InlineData("Subject: a\0b\r\n\r\n", ConversionObstacle.HeaderLine)]
    [InlineData("Subject: a\rBcc: eve@example.net\r\n\r\n", ConversionObstacle.HeaderLine)]
    [InlineData("Content-Type: message/partial; id=x; number=1\r\n\r\nGr\u00fc\u00dfe", ConversionObstacle.Structure)]
    [InlineData("Content-Transfer-Encoding: x-mine\r\n\r\nGr\u00fc\u00dfe", ConversionObstacle.Structure)]
    public async Task What_cannot_be_encoded_anew_is_refused_and_nothing_written(string message, ConversionObstacle obstacle)
    {
        var (outcome, bytes) = await ConvertAsync(Encoding.UTF8.GetBytes(message), SmtpBodyKind.SevenBit);
        Assert.Equal(obstacle, Assert.IsType<ConversionOutcome.Refused>(outcome).Obstacle);
        Assert.Empty(bytes);
    }

    [Fact]
    public async Task A_signed_part_that_fits_stands_to_the_byte_beside_one_that_is_encoded()
    {
        const string signed = "Content-Type: multipart/signed; boundary=s; protocol=\"application/pgp-signature\"\r\n\r\n--s\r\nContent-Type: text/plain  \r\n\r\n  signed \r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nxxx\r\n--s--\r\n";
        var (_, bytes) = await ConvertAsync(Encoding.UTF8.GetBytes("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + signed + "--b\r\n\r\nGr\u00fc\u00dfe\r\n--b--\r\n"), SmtpBodyKind.SevenBit);
        AssertFits(bytes, SmtpBodyKind.SevenBit);
        Assert.Contains(signed, Encoding.ASCII.GetString(bytes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\r--b\r\nContent-Type: text/html\r\n\r\n<b>forged</b>")]
    [InlineData("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx--b\r\n\r\nforged \u00fc")]
    public async Task Content_cannot_become_a_part(string content)
    {
        var message = Encoding.UTF8.GetBytes("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + content + "\r\n--b--\r\n");
        var (_, bytes) = await ConvertAsync(message, SmtpBodyKind.SevenBit);
        AssertFits(bytes, SmtpBodyKind.SevenBit);
        Assert.Equal(MimeMessage.Read(message).Root.Children.Select(p => p.DecodeBytes()), MimeMessage.Read(bytes).Root.Children.Select(p => p.DecodeBytes()));
    }

    [Fact]
    public async Task Whatever_comes_is_refused_or_fits_and_keeps_its_contents()
    {
        var piece = Gen.OneOf(
            Gen.Elements("--b", "--b--", "--c", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n\r\n", "\0", "\u00fc", "=", "=3D", "QUJD", " ", "From ", ".", "text", "Subject: x\r\n"),
            Gen.Elements("Content-Type: multipart/mixed; boundary=c\r\n", "Content-Type: text/html\r\n", "Content-Type: message/rfc822\r\n", "Content-Type: application/x\r\n", "Content-Transfer-Encoding: 8bit\r\n", "Content-Transfer-Encoding: base64\r\n", "Content-Transfer-Encoding: quoted-printable\r\n"),
            Gen.Elements(990, 76, 75, 3).Select(n => new string('x', n)));
        var (converted, refused) = (0, 0);
        foreach (var pieces in piece.ListOf().Sample(3000, 60))
        {
            var message = Encoding.Latin1.GetBytes("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + string.Concat(pieces));
            foreach (var peer in (SmtpBodyKind[])[SmtpBodyKind.SevenBit, SmtpBodyKind.EightBit])
            {
                var (outcome, bytes) = await ConvertAsync(message, peer);
                if (outcome is ConversionOutcome.Refused) refused++;
                else converted++;
                if (outcome is ConversionOutcome.Refused) continue;
                AssertFits(bytes, peer);
                Assert.True(Contents(message).SequenceEqual(Contents(bytes), StringComparer.Ordinal), $"{peer}: " + Convert.ToBase64String(message));
            }
        }
        Assert.True(converted > 1000, $"{converted} converted, {refused} refused");
    }

    [Fact]
    public async Task Messages_of_the_corpora_keep_their_contents()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var (converted, refused, different) = (0, new Dictionary<ConversionObstacle, int>(), new List<string>());
        foreach (var file in Corpora.Files())
        {
            var message = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            foreach (var peer in (SmtpBodyKind[])[SmtpBodyKind.SevenBit, SmtpBodyKind.EightBit])
            {
                var (outcome, bytes) = await ConvertAsync(message, peer);
                if (outcome is ConversionOutcome.Refused no)
                {
                    refused[no.Obstacle] = refused.GetValueOrDefault(no.Obstacle) + 1;
                    continue;
                }
                converted++;
                AssertFits(bytes, peer);
                var (before, after) = (Contents(message), Contents(bytes));
                if (before.SequenceEqual(after, StringComparer.Ordinal)) continue;
                different.Add($"{file} for {peer}");
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{converted} converted, refused: {string.Join(", ", refused)}");
        Assert.True(different.Count == 0, $"{different.Count} differ: " + string.Join("\n", different.Take(20)));
        Assert.True(converted > 3000);
    }

    /// <summary>Types and decoded bytes of the leaves, line ends alike; an encoded CR before a line that ended with LF, and now ends with CRLF, is part of the line end too.</summary>
    private static List<string> Contents(byte[] message) =>
        [.. Corpora.Parts(MimeMessage.Read(message).Root).Where(p => p.Children.Count == 0).Select(p => p.MediaType + ": " + Encoding.Latin1.GetString(p.DecodeBytes()).Replace("\r\r\n", "\n", StringComparison.Ordinal).Replace("\r\n", "\n", StringComparison.Ordinal).TrimEnd('\r', '\n'))];

    private static void AssertFits(byte[] bytes, SmtpBodyKind peer)
    {
        var needs = new MessageNeeds();
        needs.Add(bytes);
        Assert.True(needs.Kind <= peer, $"{needs.Kind}: eight bit {needs.EightBit}, NUL {needs.Nul}, CR {needs.BareCr}, LF {needs.BareLf}, line {needs.LongestLine}");
    }

    private static async Task<(ConversionOutcome, byte[])> ConvertAsync(byte[] message, SmtpBodyKind peer)
    {
        var into = new MemoryStream();
        var outcome = await MessageConversion.ConvertAsync(new MemoryStream(message), into, peer, TestContext.Current.CancellationToken);
        return (outcome, into.ToArray());
    }
}
