using System.Net.Sockets;
using System.Text;

namespace Postrider.Mail.Tests.Peers;

public sealed class DovecotUnderTestTests
{
    [Fact]
    public async Task Answers_on_both_protocols()
    {
        await using var dovecot = await DovecotUnderTest.StartAsync();
        Assert.StartsWith("* OK", await FirstLineAsync(dovecot.ImapPort), StringComparison.Ordinal);
        Assert.StartsWith("220 ", await FirstLineAsync(dovecot.SubmissionPort), StringComparison.Ordinal);
    }

    private static async Task<string> FirstLineAsync(int port)
    {
        using var client = new TcpClient("127.0.0.1", port);
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        return await reader.ReadLineAsync() ?? "";
    }
}
