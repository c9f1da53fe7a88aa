using Postrider.Entra;
using Postrider.Mail;
using Postrider.OutgoingServers;

namespace Postrider.Tests.OutgoingServers;

public sealed class OutgoingServerRulesTests
{
    private static readonly OutgoingServerDraft Outlook = new("Notifications", "outlook", null, null, null, "notifications@meadow.example", null, null, null, true);

    [Fact]
    public void The_choice_Outlook_fills_what_was_left_empty()
    {
        var server = Check(Outlook).Server!;
        Assert.Equal(("smtp.office365.com", 587, WireSecurity.StartTls, "notifications@meadow.example"), (server.Host, server.Port, server.Security, server.FromFilter));
    }

    [Fact]
    public void A_filter_that_was_entered_stays() => Assert.Equal("meadow.example", Check(Outlook with { FromFilter = "meadow.example" }).Server!.FromFilter);

    [Fact]
    public void Outlook_is_refused_before_its_app_is_installed() => Assert.Contains("Kind", OutgoingServerRules.Check(Outlook, null, MicrosoftCloud.Worldwide, outlookInstalled: false).Errors.Keys);

    [Fact]
    public void Each_field_says_what_is_wrong_with_it()
    {
        var errors = Check(new("", "smtp", "bad host", "70000", "none", "user", null, "@x", "-1", true)).Errors;
        Assert.Equal(["FromFilter", "Host", "Name", "Password", "Port", "Security", "Sequence"], errors.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_stored_password_does_not_follow_to_another_host()
    {
        var known = Check(new("Relay", "smtp", "relay.example.com", "587", "starttls", "ann", "given once", null, "10", true)).Server!;
        OutgoingServerDraft moved = new("Relay", "smtp", "relay.evil.example", "587", "starttls", "ann", null, null, "10", true);
        Assert.Equal(["Password"], OutgoingServerRules.Check(moved, known, MicrosoftCloud.Worldwide, outlookInstalled: true).Errors.Keys);
        Assert.Empty(OutgoingServerRules.Check(moved with { Password = "given again" }, known, MicrosoftCloud.Worldwide, outlookInstalled: true).Errors);
        Assert.Empty(OutgoingServerRules.Check(moved with { Host = "Relay.Example.com" }, known, MicrosoftCloud.Worldwide, outlookInstalled: true).Errors);
    }

    [Fact]
    public void Outlook_takes_neither_password_nor_another_encryption()
    {
        Assert.Contains("Password", Check(Outlook with { Password = "secret" }).Errors.Keys);
        Assert.Contains("Security", Check(Outlook with { Security = "tls" }).Errors.Keys);
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("localhost", true)]
    [InlineData("mail.example.com", false)]
    public void Without_encryption_nothing_leaves_this_machine(string host, bool allowed) =>
        Assert.Equal(allowed, Check(new("Relay", "smtp", host, "25", "none", null, null, "", "10", true)).Server is not null);

    [Theory]
    [InlineData("smtp.office365.com", true)]
    [InlineData("SMTP-mail.outlook.com", true)]
    [InlineData("smtp.office365.us", true)]
    [InlineData("smtp.partner.outlook.cn", true)]
    [InlineData("smtp.evil.example", false)]
    [InlineData("smtp.office365.com.evil.example", false)]
    [InlineData("xsmtp.office365.com", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("localhost", false)]
    public void An_Outlook_server_is_one_of_Microsofts_own(string host, bool allowed) =>
        Assert.Equal(allowed ? [] : ["Host"], Check(Outlook with { Host = host }).Errors.Keys);

    [Fact]
    public void The_cloud_this_hub_was_set_up_with_counts_as_Microsofts() =>
        Assert.Empty(OutgoingServerRules.Check(Outlook with { Host = "localhost" }, null, new MicrosoftCloud("Sandbox", new Uri("http://localhost:1/"), "localhost", 2, "localhost", 3), outlookInstalled: true).Errors);

    [Theory]
    [InlineData("starttls", "relay.example.com", 587)]
    [InlineData("tls", "relay.example.com", 465)]
    [InlineData("none", "localhost", 25)]
    public void A_port_that_was_left_empty_follows_the_encryption(string security, string host, int port) =>
        Assert.Equal(port, Check(new("Relay", "smtp", host, null, security, null, null, "", "10", true)).Server!.Port);

    [Theory]
    [InlineData("smtp", null, 5)]
    [InlineData("smtp", "1", 1)]
    [InlineData("smtp", "50", 50)]
    [InlineData("smtp", "0", null)]
    [InlineData("smtp", "51", null)]
    [InlineData("smtp", "many", null)]
    [InlineData("outlook", "20", 3)]
    public void Connections_are_1_to_50_and_for_Outlook_3(string kind, string? entered, int? connections)
    {
        var draft = kind == "outlook" ? Outlook : new("Relay", "smtp", "relay.example.com", null, null, null, null, "", "10", true);
        var check = Check(draft with { MaxConnections = entered });
        Assert.Equal(connections, check.Server?.MaxConnections);
        Assert.Equal(connections is null ? ["MaxConnections"] : [], check.Errors.Keys);
    }

    private static OutgoingServerCheck Check(OutgoingServerDraft draft) => OutgoingServerRules.Check(draft, null, MicrosoftCloud.Worldwide, outlookInstalled: true);
}
