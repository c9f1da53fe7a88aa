using Postrider.Mail.Tests.Peers;

namespace Postrider.Tests.Sandbox;

/// <summary>Mail programs nobody here wrote, pointed at a sandbox, trusting its authority alone.</summary>
internal static class PeerPrograms
{
    /// <summary>Runs a Python script that finds <c>context</c> (TLS), <c>base64</c> and <c>xoauth2(user, token)</c> ready.</summary>
    public static async Task<string> PythonAsync(string script, ExchangeUnderTest exchange)
    {
        var python = PeerProgram.FindOrSkip("python3");
        var prelude = $"""
            import base64, ssl
            context = ssl.create_default_context(cafile={Quoted(exchange.Sandbox.CertificateAuthorityFile)})
            def xoauth2(user, token):
                return "user=" + user + "\x01auth=Bearer " + token + "\x01\x01"

            """;
        var (code, output) = await PeerProgram.RunAsync(python, ["-"], prelude + script);
        Assert.True(code == 0, output);
        return output;
    }

    public static string Quoted(string text) => "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
}
