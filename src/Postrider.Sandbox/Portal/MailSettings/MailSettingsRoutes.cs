using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Exchange;

namespace Postrider.Sandbox.Portal.MailSettings;

/// <summary>The switches that let programs send with SMTP AUTH: of the organization (Exchange admin center, <i>Mail flow</i>) and of one mailbox (Microsoft 365 admin center, <i>Manage email apps</i>).</summary>
internal static class MailSettingsRoutes
{
    public static void Map(RouteGroupBuilder entra)
    {
        entra.MapGet("/mail-flow", (HttpContext http, Mailboxes mailboxes) =>
        {
            var tenant = PortalVisit.Of(http).Tenant;
            return Page.Show<MailFlowPage>(http, new Dictionary<string, object?>
            {
                [nameof(MailFlowPage.Tenant)] = tenant,
                [nameof(MailFlowPage.SmtpAuthOff)] = mailboxes.SettingsOf(tenant.Id).SmtpClientAuthenticationDisabled,
            });
        });
        entra.MapPost("/mail-flow", async (HttpContext http, Mailboxes mailboxes, FlashCookie flash) =>
        {
            var tenant = PortalVisit.Of(http).Tenant;
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            mailboxes.ChangeTenant(tenant.Id, settings => settings with { SmtpClientAuthenticationDisabled = form["smtp-off"] == "on" });
            return flash.Redirect(http, "/entra/mail-flow", "The mail flow settings were saved.");
        });

        entra.MapGet("/users/{id:guid}/email-apps", (HttpContext http, Guid id) => WithMailbox(http, id, (user, mailbox, mailboxes) => Page.Show<EmailAppsPage>(http, new Dictionary<string, object?>
        {
            [nameof(EmailAppsPage.User)] = user,
            [nameof(EmailAppsPage.Settings)] = mailbox.Settings,
            [nameof(EmailAppsPage.OrganizationAllowsSmtp)] = !mailboxes.SettingsOf(user.TenantId).SmtpClientAuthenticationDisabled,
        })));
        entra.MapPost("/users/{id:guid}/email-apps", async (HttpContext http, FlashCookie flash, Guid id) =>
        {
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            return WithMailbox(http, id, (user, mailbox, _) =>
            {
                mailbox.Change(settings => settings with
                {
                    SmtpClientAuthenticationDisabled = form["smtp"].ToString() switch { "on" => false, "off" => true, _ => null },
                    ImapEnabled = form["imap"] == "on",
                });
                return flash.Redirect(http, Place(user), "The email apps were saved.");
            });
        });
    }

    internal static string Place(DirectoryUser user) => $"/entra/users/{user.Id}/email-apps";

    private static IResult WithMailbox(HttpContext http, Guid id, Func<DirectoryUser, Mailbox, Mailboxes, IResult> then)
    {
        var services = http.RequestServices;
        var mailboxes = services.GetRequiredService<Mailboxes>();
        return services.GetRequiredService<EntraDirectory>().FindUser(id) is { } user && user.TenantId == PortalVisit.Of(http).Tenant.Id && mailboxes.Find(user.UserPrincipalName) is { } mailbox
            ? then(user, mailbox, mailboxes)
            : SayPage.NotFound(http);
    }
}
