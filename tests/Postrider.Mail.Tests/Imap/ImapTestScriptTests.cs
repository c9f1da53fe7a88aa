using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Imap;

/// <summary>What Dovecot's authors expect of a server. Left out are scripts for extensions that Exchange does not have, and those that need \Recent.</summary>
public sealed class ImapTestScriptTests
{
    [Theory]
    [InlineData("copy")]
    [InlineData("fetch-body")]
    [InlineData("fetch-body-message-rfc822-mime")]
    [InlineData("fetch-body-mime")]
    [InlineData("fetch-bodystructure")]
    [InlineData("fetch-envelope")]
    [InlineData("id")]
    [InlineData("list")]
    [InlineData("mutf7")]
    [InlineData("search-body")]
    [InlineData("search-date")]
    [InlineData("search-size")]
    [InlineData("store")]
    public Task The_server_does_what_ImapTest_expects(string script)
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        return ImapTestScript.Load(Path.Combine(Corpora.Root!, "imap-imaptest", "files", script)).PlayAsync();
    }
}
