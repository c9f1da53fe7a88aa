using Postrider.Entra;

namespace Postrider.Tests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--port", "70000")]
    [InlineData("--port", "http")]
    [InlineData("--login", "http://login.example.com")]
    [InlineData("--login", "https://login.example.com/common")]
    [InlineData("--smtp", "smtp.example.com")]
    [InlineData("--imap", "outlook.office365.com:0")]
    [InlineData("--submission", "hub.example.com:587")]
    [InlineData("--submission", "0.0.0.0")]
    [InlineData("--submission-tls", "70000")]
    public void A_wrong_value_is_refused_with_the_options_name(string option, string value)
    {
        var parsed = CommandLine.Make().Parse(["serve", option, value]);
        Assert.Contains(option, Assert.Single(parsed.Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_cloud_is_given_by_its_addresses()
    {
        var parsed = CommandLine.Make().Parse(["serve", "--data", "x", "--port", "0", "--login", "http://127.0.0.1:8481", "--smtp", "localhost:2525", "--imap", "localhost:9993"]);
        Assert.Empty(parsed.Errors);
        var options = CommandLine.OptionsOf(parsed);

        Assert.Equal(("http://127.0.0.1:8481/", "localhost", 2525, "localhost", 9993), (options.Cloud.Login.AbsoluteUri, options.Cloud.SmtpHost, options.Cloud.SmtpPort, options.Cloud.ImapHost, options.Cloud.ImapPort));
    }

    [Theory]
    [InlineData("587", "127.0.0.1:587")]
    [InlineData("0.0.0.0:2525", "0.0.0.0:2525")]
    [InlineData("[::1]:0", "[::1]:0")]
    public void Submission_listens_where_it_is_told_and_else_on_this_machine(string given, string address) =>
        Assert.Equal(System.Net.IPEndPoint.Parse(address), CommandLine.OptionsOf(CommandLine.Make().Parse(["serve", "--submission", given])).Submission);

    [Fact]
    public void A_PostgreSQL_database_is_given_by_its_connection_string_which_is_not_shown()
    {
        var options = CommandLine.OptionsOf(CommandLine.Make().Parse(["serve", "--database", "Host=db.example;Password=swordfish"]));
        Assert.Equal("Host=db.example;Password=swordfish", options.Database);
        Assert.DoesNotContain("swordfish", options.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_options_it_is_the_worldwide_cloud() =>
        Assert.Equal(MicrosoftCloud.Worldwide, CommandLine.OptionsOf(CommandLine.Make().Parse(["serve"])).Cloud);
}
