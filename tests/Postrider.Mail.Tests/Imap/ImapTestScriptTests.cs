using Postrider.Mail.Imap;
using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Imap;

/// <summary>What Dovecot's authors expect of a server.</summary>
public sealed class ImapTestScriptTests
{
    private static string? Files => Corpora.Root is null ? null : Path.Combine(Corpora.Root, "imap-imaptest", "files");

    public static TheoryData<string> Scripts => Files is null ? new("(none)") : new(Directory.GetFiles(Files).Where(f => !f.EndsWith(".mbox", StringComparison.Ordinal)).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));

    [Theory, MemberData(nameof(Scripts))]
    public Task The_server_does_what_ImapTest_expects(string script)
    {
        Assert.SkipWhen(Files is null, Corpora.Reason);
        var test = ImapTestScript.Load(Path.Combine(Files!, script));
        var missing = test.Capabilities.Where(c => !ImapCapabilities.FullAfter.Contains(c, StringComparer.OrdinalIgnoreCase)).ToList();
        Assert.SkipWhen(missing.Count > 0, "The server does not offer " + string.Join(' ', missing) + ".");
        return test.PlayAsync();
    }
}
