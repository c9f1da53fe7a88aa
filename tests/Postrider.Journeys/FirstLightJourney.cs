using Postrider.Sandbox;

namespace Postrider.Journeys;

/// <summary>Steps 1 to 6 of the Demo, by hand: from the portal page to the conversation.</summary>
public sealed class FirstLightJourney
{
    [Fact]
    public async Task A_person_connects_a_mailbox_sends_a_mail_and_receives_the_answer()
    {
        Assert.SkipWhen(Browser.Missing is not null, Browser.Missing ?? "");
        var cancel = TestContext.Current.CancellationToken;
        await using var tenant = await Tenant.StartAsync(new TenantOptions(), cancel);
        await using var browser = await Browser.StartAsync();
        var pictures = new Pictures("first-light");
        var page = await browser.NewPersonAsync();
        var portal = new PortalVisit(page, tenant.Http, pictures);
        await portal.SignInAsync("admin@meadow.example");
        var app = await portal.RegisterAsync("Postrider", "http://localhost:5000/microsoft_outlook/confirm", ["notifications@meadow.example", "sales@meadow.example"]);
        Assert.NotEqual(app.SecretValue, app.SecretId);
    }
}
