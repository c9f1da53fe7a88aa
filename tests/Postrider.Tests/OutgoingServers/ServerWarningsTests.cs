using Postrider.Mail;
using Postrider.OutgoingServers;

namespace Postrider.Tests.OutgoingServers;

public sealed class ServerWarningsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 9, 0, 0, TimeSpan.Zero);

    private static readonly EmailAddress Default = EmailAddress.Parse("notifications@meadow.example");

    [Fact]
    public void A_single_mailbox_that_is_the_default_sender_is_as_it_should_be() => Assert.Empty(Codes([Outlook("notifications@meadow.example")]));

    [Fact]
    public void A_default_sender_that_no_filter_names_is_told()
    {
        Assert.Equal(["default-from-without-server"], Codes([Outlook("sales@meadow.example")]));
        // Somebody's own server and an archived one do not count.
        Assert.Equal(["default-from-without-server"], Codes([Outlook("sales@meadow.example"), Outlook("notifications@meadow.example") with { Active = false }]));
        Assert.Equal(["default-from-without-server", "default-from-is-personal"], Codes([Outlook("sales@meadow.example"), Outlook("notifications@meadow.example") with { Owner = Guid.NewGuid() }]));
        Assert.Empty(Codes([Smtp("meadow.example")]));
    }

    [Fact]
    public void A_default_sender_that_is_not_set_is_told() =>
        Assert.Equal(["default-from-not-set"], ServerWarnings.Of([Outlook("sales@meadow.example")], null, null, Nothing, Now).Select(warning => warning.Code));

    [Fact]
    public void Without_servers_there_is_nothing_to_warn_of() => Assert.Empty(ServerWarnings.Of([], null, null, Nothing, Now));

    [Fact]
    public void An_empty_filter_is_the_mailing_servers_alone()
    {
        var (notifications, open) = (Outlook("notifications@meadow.example"), Smtp(""));
        Assert.Equal(["filter-empty"], Codes([notifications, open]));
        Assert.Empty(ServerWarnings.Of([notifications, open], Default, open.Id, Nothing, Now));
        Assert.Empty(Codes([notifications, open with { Active = false }]));
    }

    [Theory]
    [InlineData("meadow.example, ann@meadow.example", "ANN@meadow.example", true)]
    [InlineData("bücher.example", "xn--bcher-kva.example", true)]
    [InlineData("meadow.example", "ann@meadow.example", false)]
    public void The_same_entry_in_two_filters_is_told_with_the_one_that_never_sends(string first, string second, bool told)
    {
        var (one, two) = (Smtp(first), Smtp(second));
        var warnings = ServerWarnings.Of([Outlook("notifications@meadow.example"), one, two], Default, null, Nothing, Now);
        Assert.Equal(told ? [(two.Id, "filter-shared")] : [], warnings.Select(warning => (warning.Server!.Value, warning.Code)));
    }

    [Fact]
    public void The_mailing_server_a_persons_own_and_an_archived_one_may_say_what_another_says()
    {
        var mailings = Smtp("notifications@meadow.example");
        Assert.Empty(ServerWarnings.Of([Outlook("notifications@meadow.example"), mailings, Outlook("sales@meadow.example") with { Owner = Guid.NewGuid() }, Outlook("sales@meadow.example"), Outlook("notifications@meadow.example") with { Active = false }], Default, mailings.Id, Nothing, Now));
    }

    [Fact]
    public void A_filter_wider_than_the_mailbox_is_told_until_each_sender_was_seen()
    {
        var server = Outlook("notifications@meadow.example") with { FromFilter = "notifications@meadow.example, ann@meadow.example" };
        Assert.Contains("ann@meadow.example;", Assert.Single(ServerWarnings.Of([server], Default, null, Nothing, Now)).What, StringComparison.Ordinal);
        Assert.Equal(["filter-wider-than-mailbox"], Codes([server with { FromFilter = "meadow.example" }]));
        Assert.Empty(ServerWarnings.Of([server], Default, null, _ => Seen(allowed: true), Now));
        // Another SMTP server may have senders of any kind.
        Assert.Empty(Codes([Smtp("notifications@meadow.example, ann@meadow.example")]));
    }

    [Fact]
    public void A_filter_that_admits_what_the_account_was_refused_is_told_and_how_to_mend_it()
    {
        var warning = Assert.Single(ServerWarnings.Of([Outlook("notifications@meadow.example") with { FromFilter = "notifications@meadow.example, ann@meadow.example" }], Default, null, _ => Seen(allowed: false), Now));
        Assert.Equal("filter-admits-refused-sender", warning.Code);
        Assert.Contains("Test Connection", warning.Remedy, StringComparison.Ordinal);
        Assert.Empty(ServerWarnings.Of([Outlook("notifications@meadow.example")], Default, null, _ => Seen(allowed: false), Now));
    }

    [Fact]
    public void An_archived_or_unknown_dedicated_server_is_told()
    {
        var archived = Smtp("") with { Active = false };
        Assert.Equal([(archived.Id, "dedicated-server-gone")], ServerWarnings.Of([Outlook("notifications@meadow.example"), archived], Default, archived.Id, Nothing, Now).Select(warning => (warning.Server!.Value, warning.Code)));
        Assert.Null(Assert.Single(ServerWarnings.Of([Outlook("notifications@meadow.example")], Default, archived.Id, Nothing, Now)).Server);
    }

    private static Dictionary<EmailAddress, SendAsFact> Nothing(OutgoingServerId server) => [];

    private static Dictionary<EmailAddress, SendAsFact> Seen(bool allowed) => new() { [EmailAddress.Parse("ann@meadow.example")] = new(allowed, DateTimeOffset.UnixEpoch, null) };

    private static IEnumerable<string> Codes(IReadOnlyList<OutgoingServer> servers) => ServerWarnings.Of(servers, Default, null, Nothing, Now).Select(warning => warning.Code);

    private static OutgoingServer Outlook(string mailbox) => new() { Id = new(Guid.CreateVersion7()), Name = mailbox, Kind = ServerKind.Outlook, UserName = mailbox, FromFilter = mailbox, Active = true };

    private static OutgoingServer Smtp(string filter) => new() { Id = new(Guid.CreateVersion7()), Name = "SMTP " + filter, Kind = ServerKind.Smtp, FromFilter = filter, Active = true };
}
