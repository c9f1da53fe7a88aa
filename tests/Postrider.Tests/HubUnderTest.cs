using System.Net;
using System.Net.Http.Json;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using Microsoft.Extensions.DependencyInjection;
using Postrider.Journal;
using Postrider.OutgoingMail;
using Postrider.Storage;

namespace Postrider.Tests;

/// <summary>
/// A hub in this process, as people and programs meet it: real store in a folder of its own, a free port, an administrator who has come through the set-up link and is signed in at <see cref="Browser"/>.
/// </summary>
internal sealed class HubUnderTest : IAsyncDisposable
{
    public const string AdministratorEmail = "admin@hub.example";
    public const string Password = "correct horse battery";

    private readonly TemporaryFolder folder;
    private readonly List<HttpClient> browsers = [];
    private RunningHub hub;

    private HubUnderTest(TemporaryFolder folder, HubOptions options, RunningHub hub) => (this.folder, Options, this.hub) = (folder, options, hub);

    public HubOptions Options { get; }

    public Uri Address => hub.Address;

    public Uri? SetupLink => hub.SetupLink;

    public IServiceProvider Services => hub.Services;

    public T Service<T>() where T : notnull => hub.Services.GetRequiredService<T>();

    /// <summary>The administrator's: keeps cookies, follows no redirects.</summary>
    public HttpClient Browser { get; private set; } = null!;

    /// <param name="change">Of the options, for instance another clock or the sandbox's cloud and certificate.</param>
    /// <param name="setUp">False: nobody has followed the set-up link yet.</param>
    public static async Task<HubUnderTest> StartAsync(Func<HubOptions, HubOptions>? change = null, bool setUp = true)
    {
        var place = new TemporaryFolder();
        var options = new HubOptions { DataFolder = place.File("data"), Database = await TestDatabase.NewAsync(), Quiet = true };
        options = change?.Invoke(options) ?? options;
        var started = new HubUnderTest(place, options, await Hub.StartAsync(options, TestContext.Current.CancellationToken));
        started.Browser = started.OpenBrowser();
        if (setUp) await started.SetUpAsync();
        return started;
    }

    /// <summary>Stops the hub and starts it again on the same folder. The administrator stays signed in, at a new address.</summary>
    /// <param name="between">While nothing has the folder.</param>
    public async Task RestartAsync(Func<Task>? between = null)
    {
        await hub.DisposeAsync();
        if (between is not null) await between();
        hub = await Hub.StartAsync(Options, TestContext.Current.CancellationToken);
        Browser = OpenBrowser();
        if (hub.SetupLink is null) await SignInAsync(Browser, AdministratorEmail, Password);
    }

    /// <summary>One with no cookies yet. Its requests say what a browser's own pages say.</summary>
    public HttpClient OpenBrowser()
    {
        var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = Address };
        browser.DefaultRequestHeaders.Add("Accept", "text/html,application/json");
        browser.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin");
        browsers.Add(browser);
        return browser;
    }

    /// <summary>Somebody with the right User, invited and signed in.</summary>
    public async Task<HttpClient> OpenBrowserOfUserAsync(string name = "Uma User", string email = "uma@hub.example")
    {
        var user = await PostAsync<Created>("/api/v1/users", new { name, email, right = "user" });
        var link = await PostAsync<PasswordLink>($"/api/v1/users/{user.Id}/password-link", new { });
        var browser = OpenBrowser();
        using var answer = await SubmitAsync(browser, new Uri(link.Link).AbsolutePath, "password", ("password", Password));
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        return browser;
    }

    public static async Task SignInAsync(HttpClient browser, string email, string password)
    {
        using var answer = await browser.PostAsJsonAsync("/api/v1/session", new { email, password });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    public async Task<T> GetAsync<T>(string path) => (await Browser.GetFromJsonAsync<T>(path))!;

    /// <summary>As the administrator; a refusal fails the test with the hub's reason.</summary>
    public async Task<T> PostAsync<T>(string path, object body)
    {
        using var answer = await Browser.PostAsJsonAsync(path, body);
        if (!answer.IsSuccessStatusCode) Assert.Fail($"POST {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        return (await answer.Content.ReadFromJsonAsync<T>())!;
    }

    public static async Task<IHtmlDocument> ReadPageAsync(HttpResponseMessage answer) =>
        await new HtmlParser().ParseDocumentAsync(await answer.Content.ReadAsStringAsync());

    /// <summary>The page as the administrator sees it; must be 200.</summary>
    public async Task<IHtmlDocument> PageAsync(string path, HttpClient? browser = null)
    {
        using var answer = await (browser ?? Browser).GetAsync(path);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"GET {path}: {(int)answer.StatusCode} {answer.Headers.Location}");
        return await ReadPageAsync(answer);
    }

    /// <summary>Opens the page, fills the form in as a person would (its other values stay) and sends it.</summary>
    /// <param name="form">The form's <c>@formname</c>.</param>
    /// <param name="values">A null value unchecks or leaves out.</param>
    public static async Task<HttpResponseMessage> SubmitAsync(HttpClient browser, string path, string form, params (string Name, string? Value)[] values)
    {
        using var opened = await browser.GetAsync(path);
        var page = await ReadPageAsync(opened);
        var element = page.Forms.FirstOrDefault(f => f.QuerySelector("input[name=_handler]")?.GetAttribute("value") == form);
        if (element is null) Assert.Fail($"{path} ({(int)opened.StatusCode}) has no form {form}: {page.Body?.TextContent.Trim()}");
        var fields = Fields(element).Where(field => !values.Any(value => value.Name == field.Key)).ToList();
        fields.AddRange(values.Where(value => value.Value is not null).Select(value => KeyValuePair.Create(value.Name, value.Value!)));
        using var content = new FormUrlEncodedContent(fields);
        return await browser.PostAsync(element.GetAttribute("action") is { Length: > 0 } action ? action : path, content);
    }

    /// <summary>Presses <em>Sign out</em>, whose form stands on every page.</summary>
    public static async Task<HttpResponseMessage> SubmitSignOutAsync(HttpClient browser)
    {
        using var opened = await browser.GetAsync("/preferences");
        var form = (await ReadPageAsync(opened)).Forms.Single(f => f.GetAttribute("action") == "/sign-out");
        using var content = new FormUrlEncodedContent(Fields(form));
        return await browser.PostAsync("/sign-out", content);
    }

    /// <summary>Every byte of the data folder but the key file, or of the PostgreSQL database, read as text: for asserting that a secret is not there.</summary>
    public async Task<string> StoredTextAsync()
    {
        if (Options.Database is { } database) return await TestDatabase.TextOfAsync(database);
        var text = new System.Text.StringBuilder();
        foreach (var file in Directory.EnumerateFiles(Options.DataFolder, "postrider.db*"))
        {
            await using var open = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(open, System.Text.Encoding.Latin1);
            text.Append(await reader.ReadToEndAsync());
        }

        return text.ToString();
    }

    /// <summary>Waits until the mail is so, hearing of each change as the pages do.</summary>
    public async Task<OutboxMail> MailUntilAsync(OutboxMailId id, Func<OutboxMail, bool> holds)
    {
        using var changes = Service<LiveEvents>().Subscribe(new HashSet<string> { "outbox-mail", $"outbox-mail/{id.Value:D}" })!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(90));
        while (true)
        {
            var mail = (await Service<HubDatabase>().ReadAsync(reader => Service<OutboxStore>().Find(reader, id)))!;
            if (holds(mail)) return mail;
            try
            {
                await changes.Changes.ReadAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"Nothing more was heard of the mail: {await Browser.GetStringAsync($"/api/v1/mails/{id.Value}")}");
            }
        }
    }

    /// <summary>Waits until it holds, hearing of each change of these topics from before <paramref name="act"/> on; what happens at a peer is told to nobody here, so it is looked at again soon.</summary>
    public async Task UntilAsync(Func<Task> act, Func<Task<bool>> holds, params string[] topics)
    {
        using var heard = Service<LiveEvents>().Subscribe(topics.ToHashSet(StringComparer.Ordinal))!;
        await act();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!await holds())
        {
            using var soon = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            soon.CancelAfter(TimeSpan.FromMilliseconds(250));
            try
            {
                await heard.Changes.ReadAsync(soon.Token);
            }
            catch (OperationCanceledException) when (!limit.IsCancellationRequested)
            {
                // Looked at again.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var browser in browsers) browser.Dispose();
        await hub.DisposeAsync();
        await TestDatabase.DropAsync(Options.Database);
        folder.Dispose();
    }

    private async Task SetUpAsync()
    {
        using var answer = await Browser.PostAsJsonAsync("/api/v1/setup", new { token = hub.SetupLink!.Segments[^1], name = "Ada Admin", email = AdministratorEmail, password = Password });
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
    }

    /// <summary>What a browser would send with the form, but for files and buttons.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Fields(IHtmlFormElement form)
    {
        foreach (var element in form.Elements)
        {
            if (element.GetAttribute("name") is not { Length: > 0 } name || element.IsDisabled()) continue;
            switch (element)
            {
                case IHtmlInputElement { Type: "checkbox" or "radio", IsChecked: false } or IHtmlInputElement { Type: "submit" or "file" } or IHtmlButtonElement:
                    break;
                case IHtmlInputElement input:
                    yield return KeyValuePair.Create(name, input.Value);
                    break;
                case IHtmlSelectElement select:
                    yield return KeyValuePair.Create(name, select.Value ?? "");
                    break;
                case IHtmlTextAreaElement text:
                    yield return KeyValuePair.Create(name, text.Value);
                    break;
            }
        }
    }

    private sealed record Created(Guid Id);

    private sealed record PasswordLink(string Link);
}
