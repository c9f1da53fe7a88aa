using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Tests.Smtp;

public sealed class SmtpBodyTests
{
    private static readonly string[] Pieces = ["\r\n", "\r\n.", "\r\n..", "\r\n.\r\n", ".", "\r", "\n", "\n.\n", "x", "text of some length", "\r\r\n", "\r\n.\r", "é"];

    [Fact]
    public void What_the_writer_stuffs_the_reader_takes_out_again_in_any_split()
    {
        var random = new Random(42);
        for (var round = 0; round < 3000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(0, 30)).Select(_ => Pieces[random.Next(Pieces.Length)]));
            var wire = Stuff(text, random);
            // Nothing but the last five bytes may look like an end to any server, not to one that takes bare line ends either.
            var within = ("\r\n" + wire)[..^1];
            foreach (var end in (string[])["\r\n.\r\n", "\n.\n", "\r.\r", "\n.\r\n", "\r.\n"])
                Assert.False(within.Contains(end, StringComparison.Ordinal), wire);

            var reader = new SmtpBodyReader();
            var output = new ArrayBufferWriter<byte>();
            var bytes = Encoding.UTF8.GetBytes(wire + "QUIT\r\n");
            var used = 0;
            while (!reader.Ended) used += reader.Read(bytes.AsSpan(used, Math.Min(random.Next(1, 9), bytes.Length - used)), output);
            Assert.Equal(bytes.Length - 6, used);
            Assert.False(reader.HasBareLineEnd);
            Assert.Equal(output.WrittenCount, reader.Length);
            Assert.Equal(Canonical(text), Encoding.UTF8.GetString(output.WrittenSpan));
        }
    }

    [Theory]
    [InlineData("a\nb\r\n.\r\n", true, false)]
    [InlineData("a\rb\r\n.\r\n", true, false)]
    [InlineData(".\n\r\n.\r\n", true, false)]
    [InlineData(".\rx\r\n.\r\n", true, false)]
    [InlineData("a\0b\r\n.\r\n", false, true)]
    [InlineData("\0\r\n.\r\n", false, true)]
    [InlineData("plain\r\n.\r\n", false, false)]
    [InlineData(".\r\n", false, false)]
    public void Bytes_that_must_not_stand_in_a_message_are_noticed(string wire, bool bare, bool nul)
    {
        var reader = new SmtpBodyReader();
        Assert.Equal(wire.Length, reader.Read(Encoding.ASCII.GetBytes(wire), null));
        Assert.Equal((true, bare, nul), (reader.Ended, reader.HasBareLineEnd, reader.HasNul));
    }

    private static string Stuff(string text, Random random)
    {
        var stream = new MemoryStream();
        var output = PipeWriter.Create(stream);
        var writer = new SmtpBodyWriter(output);
        var bytes = Encoding.UTF8.GetBytes(text);
        for (var at = 0; at < bytes.Length;)
        {
            var count = Math.Min(random.Next(1, 9), bytes.Length - at);
            writer.Write(bytes.AsSpan(at, count));
            at += count;
        }
        writer.Finish();
        output.Complete();
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string Canonical(string text)
    {
        var lines = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n').Replace("\n", "\r\n", StringComparison.Ordinal);
        return lines.Length == 0 || lines.EndsWith("\r\n", StringComparison.Ordinal) ? lines : lines + "\r\n";
    }
}
