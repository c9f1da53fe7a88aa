using Postrider.OutgoingMail;
using Postrider.Web;

namespace Postrider.Tests.OutgoingMail;

public sealed class MailRequestReaderTests
{
    private static readonly Viewer Admin = new(Guid.CreateVersion7(), "Ada Admin", "ada@hub.example", IsSettings: true, DeveloperMode: false);
    private static readonly DateTimeOffset Now = new(2026, 11, 25, 12, 0, 0, TimeSpan.Zero);
    private static readonly Viewer User = Admin with { IsSettings = false };

    [Theory]
    [InlineData("ann@example.com\r\nRCPT TO:<evil@example.com>", "mail-control-characters")]
    [InlineData("ann@example.com\nBcc: evil@example.com", "mail-control-characters")]
    [InlineData("\"Ann\r\nBcc: x@y.example\" <ann@example.com>", "mail-control-characters")]
    [InlineData("ann@example.com, ben@example.com", "mail-address-invalid")]
    [InlineData("nobody", "mail-address-invalid")]
    [InlineData("", "mail-address-invalid")]
    [InlineData(null, "mail-address-invalid")]
    public void An_entry_is_one_address_and_nothing_else(string? entry, string code) => Assert.Equal(code, MailRequestReader.Read(Request() with { To = [entry] }, Admin, null, Now).Problem!.Code);

    [Fact]
    public void The_one_who_asks_is_the_sender_when_none_is_given() =>
        Assert.Equal("ada@hub.example", MailRequestReader.Read(Request(), User, null, Now).Message!.From.Address.ToString());

    [Fact]
    public void Who_may_not_change_settings_speaks_for_nobody_else()
    {
        Assert.Equal("mail-from-not-yours", MailRequestReader.Read(Request() with { From = "boss@hub.example" }, User, null, Now).Problem!.Code);
        Assert.NotNull(MailRequestReader.Read(Request() with { From = "boss@hub.example" }, Admin, null, Now).Message);
    }

    [Fact]
    public void An_attachment_is_read_from_base64()
    {
        var message = MailRequestReader.Read(Request() with { Attachments = [new("a.bin", null, Convert.ToBase64String([1, 2, 3, 4]), null)] }, Admin, null, Now).Message!;
        Assert.Equal([1, 2, 3, 4], message.Attachments.Single().Bytes.ToArray());
        Assert.Equal("mail-attachment-invalid", MailRequestReader.Read(Request() with { Attachments = [new("a.bin", null, "not base64!", null)] }, Admin, null, Now).Problem!.Code);
    }

    [Fact]
    public void A_message_without_recipients_or_too_large_is_refused()
    {
        var message = MailRequestReader.Read(Request() with { To = null }, Admin, null, Now).Message!;
        Assert.Equal("mail-no-recipients", OutgoingMessageRules.Check(message, 1000, 1000)!.Code);
        var large = MailRequestReader.Read(Request() with { Attachments = [new("a.bin", null, Convert.ToBase64String(new byte[10_000]), null)] }, Admin, null, Now).Message!;
        Assert.Equal("mail-too-large", OutgoingMessageRules.Check(large, 100_000, 9_999)!.Code);
        Assert.Null(OutgoingMessageRules.Check(large, 10_000, 10_000));
        Assert.Equal("mail-too-large", OutgoingMessageRules.Check(large with { Attachments = [large.Attachments[0] with { ContentId = "shown" }] }, 10_000, 10_000)!.Code);
    }

    [Fact]
    public void Time_and_priority_are_read()
    {
        var message = MailRequestReader.Read(Request() with { SendAt = Now.AddDays(3), Priority = "high", ReportTo = "ann@example.com" }, Admin, null, Now).Message!;
        Assert.Equal((Now.AddDays(3), OutboxLane.Urgent, "ann@example.com"), (message.SendAt, message.Lane, message.ReportTo?.ToString()));
        Assert.Equal("mail-send-at-invalid", MailRequestReader.Read(Request() with { SendAt = Now.AddDays(400) }, Admin, null, Now).Problem!.Code);
        Assert.Equal("mail-priority-invalid", MailRequestReader.Read(Request() with { Priority = "soon" }, Admin, null, Now).Problem!.Code);
        Assert.Equal("mail-address-invalid", MailRequestReader.Read(Request() with { ReportTo = "nobody" }, Admin, null, Now).Problem!.Code);
    }

    private static MailRequest Request() => new(null, ["Ann <ann@example.com>"], null, null, "Hello", "Text", null, null, null, null, null);
}
