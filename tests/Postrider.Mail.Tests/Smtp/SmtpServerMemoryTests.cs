using System.Text;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Tests.Smtp;

/// <summary>What a large message takes of the memory. Alone, because what others hold would count.</summary>
[CollectionDefinition(nameof(SmtpServerMemoryTests), DisableParallelization = true)]
[Collection(nameof(SmtpServerMemoryTests))]
public sealed class SmtpServerMemoryTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_hundred_megabytes_need_little(bool chunking)
    {
        long received = 0;
        var mailbox = new MailboxUnderTest
        {
            OnStream = async (reader, cancel) =>
            {
                while (true)
                {
                    var read = await reader.ReadAsync(cancel);
                    received += read.Buffer.Length;
                    reader.AdvanceTo(read.Buffer.End);
                    if (read.IsCompleted) return new(250, "2.0.0", "OK");
                }
            },
        };
        await using var server = mailbox.Listen(open: true, o => o with { Chunking = chunking });
        var connected = await SmtpClient.ConnectAsync(new WireEndpoint("127.0.0.1", server.LocalEndPoint.Port, WireSecurity.None), null, null, CancellationToken.None);
        await using var client = connected.Client!;
        Assert.Equal(chunking, client.Capabilities.Chunking);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        long most = 0;
        const long Lines = 1_300_000;
        var sent = await client.SendAsync(EmailAddress.Parse("ann@example.com"), [EmailAddress.Parse("ben@example.org")], new ManyLines(Lines, n => { if (n % 100_000 == 0) most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before); }), null, CancellationToken.None);
        Assert.Null(sent.Failure);
        Assert.Equal(Lines * ManyLines.LineLength, received);
        // The buffers of both ends.
        Assert.InRange(most, 0, 8L << 20);
    }

    private sealed class ManyLines(long lines, Action<long> onLine) : MadeStream
    {
        public const int LineLength = 80;
        private static readonly byte[] Line = Encoding.ASCII.GetBytes(new string('x', LineLength - 2) + "\r\n");
        private long _written;

        public override int Read(Span<byte> buffer)
        {
            var count = 0;
            for (; _written < lines && count + LineLength <= buffer.Length; _written++, count += LineLength)
            {
                Line.CopyTo(buffer[count..]);
                onLine(_written);
            }
            return count;
        }
    }
}
