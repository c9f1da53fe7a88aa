using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Postrider.Mail.Tests.Peers;

namespace Postrider.Mail.Tests.Imap;

/// <summary>STARTTLS of our IMAP server, asked for by openssl, and attacked by whoever sits on the line.</summary>
public sealed class ImapServerTlsTests
{
    [Theory]
    [InlineData("-tls1_1", false)]
    [InlineData("-tls1_2", true)]
    [InlineData("-tls1_3", true)]
    public async Task Openssl_gets_TLS_from_1_2_on_and_the_capabilities_anew(string version, bool works)
    {
        var openssl = PeerProgram.FindOrSkip("openssl");
        await using var server = ImapServerUnderTest.Start(adjust: o => o with { StartTls = true });
        using var files = new TemporaryFolder();
        var (_, output) = await PeerProgram.RunAsync(
            openssl,
            ["s_client", "-connect", "127.0.0.1:" + server.Port.ToString(CultureInfo.InvariantCulture), "-starttls", "imap", version, "-CAfile", TestCertificates.AuthorityFile(files), "-verify_return_error", "-verify_hostname", "localhost", "-ign_eof", "-quiet", "-crlf"],
            "a CAPABILITY\nb LOGOUT\n");
        Assert.True(works == output.Contains("a OK", StringComparison.Ordinal), output);
        if (works) Assert.DoesNotContain("STARTTLS", output, StringComparison.Ordinal);
        Assert.Empty(server.Faults);
    }

    [Fact]
    public async Task A_socket_that_adds_commands_behind_STARTTLS_gets_nowhere()
    {
        await using var server = ImapServerUnderTest.Start(adjust: o => o with { StartTls = true });
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", server.Port);
        await using var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.ASCII);
        Assert.StartsWith("* OK", await reader.ReadLineAsync(), StringComparison.Ordinal);
        // All in one write, as somebody on the line would add it to the client's own command.
        await stream.WriteAsync("a STARTTLS\r\nb AUTHENTICATE PLAIN AGV2ZQBzZWNyZXQ=\r\nc SELECT INBOX\r\n"u8.ToArray());
        var rest = await reader.ReadToEndAsync();
        Assert.DoesNotContain("a OK", rest, StringComparison.Ordinal);
        Assert.DoesNotContain("b OK", rest, StringComparison.Ordinal);
        Assert.Null(server.Mailboxes.SignedInWith);
        Assert.Empty(server.Faults);
    }
}
