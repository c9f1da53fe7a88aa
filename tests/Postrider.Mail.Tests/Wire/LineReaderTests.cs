using System.IO.Pipelines;
using System.Text;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Tests.Wire;

public sealed class LineReaderTests
{
    [Fact]
    public async Task Lines_are_the_same_however_the_bytes_are_split()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var lines = Enumerable.Range(0, random.Next(1, 20)).Select(_ => new string((char)('a' + random.Next(26)), random.Next(0, 900))).ToArray();
            var bytes = Encoding.ASCII.GetBytes(string.Concat(lines.Select((l, i) => l + (i % 3 == 0 ? "\n" : "\r\n"))));
            var pipe = new Pipe();
            var writing = Task.Run(async () =>
            {
                for (var at = 0; at < bytes.Length;)
                {
                    var count = Math.Min(random.Next(1, 700), bytes.Length - at);
                    await pipe.Writer.WriteAsync(bytes.AsMemory(at, count));
                    at += count;
                }
                await pipe.Writer.CompleteAsync();
            });
            var reader = new LineReader(pipe.Reader);
            for (var i = 0; i < lines.Length; i++)
            {
                var line = reader.TryRead(1000, out var ready) ? ready : await reader.ReadAsync(1000, CancellationToken.None);
                Assert.Equal(lines[i], Encoding.ASCII.GetString(line.Span));
                Assert.Equal(i % 3 != 0, reader.EndedWithCrlf);
            }
            await Assert.ThrowsAsync<EndOfStreamException>(async () => await reader.ReadAsync(1000, CancellationToken.None));
            await writing;
        }
    }

    [Theory]
    [InlineData(100, true)]
    [InlineData(101, false)]
    public async Task The_limit_counts_the_line_end(int length, bool passes)
    {
        var reader = new LineReader(PipeReader.Create(new MemoryStream(Encoding.ASCII.GetBytes(new string('x', length - 2) + "\r\nnext\r\n"))));
        if (passes) Assert.Equal(length - 2, (await reader.ReadAsync(100, CancellationToken.None)).Length);
        else await Assert.ThrowsAsync<WireProtocolException>(async () => await reader.ReadAsync(100, CancellationToken.None));
    }

    [Fact]
    public async Task A_line_without_end_is_cut_at_the_limit()
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync(new byte[5000]);
        var reader = new LineReader(pipe.Reader);
        await Assert.ThrowsAsync<WireProtocolException>(async () => await reader.ReadAsync(2048, CancellationToken.None));
    }

    [Fact]
    public async Task Between_two_lines_the_pipe_can_be_read_directly()
    {
        var pipe = PipeReader.Create(new MemoryStream("{3}\r\nabcrest\r\n"u8.ToArray()));
        var reader = new LineReader(pipe);
        Assert.Equal("{3}", Encoding.ASCII.GetString((await reader.ReadAsync(100, CancellationToken.None)).Span));
        var literal = await pipe.ReadAtLeastAsync(3);
        pipe.AdvanceTo(literal.Buffer.GetPosition(3));
        Assert.Equal("rest", Encoding.ASCII.GetString((await reader.ReadAsync(100, CancellationToken.None)).Span));
    }
}
