using System.Net;

namespace Postrider.Tests.Sandbox;

public sealed class MailSettingsPageTests(PortalUnderTest portal) : IClassFixture<PortalUnderTest>
{
    [Fact]
    public async Task Smtp_auth_is_turned_off_and_on_for_the_organization()
    {
        using var person = await portal.SignInAsync(path: "/entra/mail-flow");
        Assert.False(person.IsTicked("Turn off SMTP AUTH protocol for your organization"));
        person.Tick("Turn off SMTP AUTH protocol for your organization");
        await person.PressAsync("Save");
        Assert.True(person.IsTicked("Turn off SMTP AUTH protocol for your organization"));
        Assert.True(portal.Sandbox.Mailboxes.SettingsOf(portal.Bakery.Id).SmtpClientAuthenticationDisabled);
        person.Untick("Turn off SMTP AUTH protocol for your organization");
        await person.PressAsync("Save");
        Assert.False(portal.Sandbox.Mailboxes.SettingsOf(portal.Bakery.Id).SmtpClientAuthenticationDisabled);
    }

    [Fact]
    public async Task Email_apps_of_one_mailbox_are_switched_and_go_back_to_what_the_organization_has()
    {
        var ann = portal.Sandbox.Directory.FindUser("ann@meadow.example")!;
        var mailbox = portal.Sandbox.Mailboxes.Find("ann@meadow.example")!;
        using var person = await portal.SignInAsync(path: $"/entra/users/{ann.Id}/email-apps");
        person.Tick("Off");
        person.Untick("Programs may read this mailbox by IMAP");
        await person.PressAsync("Save");
        Assert.Equal((true, false), (mailbox.Settings.SmtpClientAuthenticationDisabled, mailbox.Settings.ImapEnabled));
        person.Tick("On, whatever the organization has");
        person.Tick("Programs may read this mailbox by IMAP");
        await person.PressAsync("Save");
        Assert.Equal((false, true), (mailbox.Settings.SmtpClientAuthenticationDisabled, mailbox.Settings.ImapEnabled));
        person.Tick("As the organization has it: on (Mail flow)");
        await person.PressAsync("Save");
        Assert.Null(mailbox.Settings.SmtpClientAuthenticationDisabled);
    }

    [Fact]
    public async Task A_user_of_another_directory_is_not_found_and_a_person_without_a_role_is_refused()
    {
        using (var person = await portal.SignInAsync(path: $"/entra/users/{Guid.NewGuid()}/email-apps")) Assert.Equal(HttpStatusCode.NotFound, person.Status);
        using var ann = await portal.SignInAsync("ann@meadow.example", "/entra/mail-flow");
        Assert.Equal(HttpStatusCode.Forbidden, ann.Status);
    }
}
