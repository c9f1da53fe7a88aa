using System.Net;
using AngleSharp;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Io;

namespace Postrider.Tests.Sandbox;

/// <summary>A browser without script: keeps cookies, follows links, fills and posts forms with whatever fields and tokens the page itself holds.</summary>
internal sealed class PlainBrowser : IDisposable
{
    private readonly HttpClient client;
    private readonly IBrowsingContext context = BrowsingContext.New(Configuration.Default);

    private readonly bool followsToOtherSites;

    /// <param name="followsToOtherSites">As a person's browser does; else it stops there and tells (<see cref="LeftFor"/>).</param>
    public PlainBrowser(Uri home, bool followsToOtherSites = false)
    {
        this.followsToOtherSites = followsToOtherSites;
        client = new HttpClient(new SocketsHttpHandler { CookieContainer = Cookies, UseCookies = true, AllowAutoRedirect = false }) { BaseAddress = home };
        Address = home;
    }

    public CookieContainer Cookies { get; } = new();
    public Uri Address { get; private set; }
    public HttpStatusCode Status { get; private set; }
    /// <summary>Where the last request sent the browser on another site, which it does not open; null: it stayed here.</summary>
    public Uri? LeftFor { get; private set; }
    public string ContentSecurityPolicy { get; private set; } = "";
    public IDocument Page { get; private set; } = null!;

    /// <summary>What a person reads, each run of white space as one blank.</summary>
    public string Text => Squeeze(Page.Body?.TextContent);

    public string Title => Page.Title ?? "";

    public Task OpenAsync(string address) => SendAsync(new HttpRequestMessage(System.Net.Http.HttpMethod.Get, new Uri(Address, address)));

    /// <summary>A link by its words or its label.</summary>
    public Task FollowAsync(string words) => OpenAsync(One(Page.QuerySelectorAll("a[href]"), words).GetAttribute("href")!);

    public void Fill(string label, string value)
    {
        switch (Labelled(label))
        {
            case IHtmlInputElement input: input.Value = value; break;
            case IHtmlTextAreaElement area: area.Value = value; break;
            default: throw new InvalidOperationException($"{label} cannot be filled in.");
        }
    }

    /// <param name="group">The legend above it, where the same words stand in several groups.</param>
    public void Tick(string label, string? group = null)
    {
        var box = (IHtmlInputElement)Labelled(label, group);
        if (box.IsDisabled) throw new InvalidOperationException($"{label} cannot be ticked.");
        if (box.Type == "radio")
            foreach (var other in Page.QuerySelectorAll<IHtmlInputElement>($"input[type=radio][name='{box.Name}']")) other.IsChecked = false;
        box.IsChecked = true;
    }

    public void Untick(string label) => ((IHtmlInputElement)Labelled(label)).IsChecked = false;

    public void Select(string label, string option)
    {
        var select = (IHtmlSelectElement)Labelled(label);
        var wanted = select.Options.Single(o => Squeeze(o.Text) == option);
        foreach (var one in select.Options) one.IsSelected = one == wanted;
    }

    public string ValueOf(string label) => Labelled(label) switch { IHtmlInputElement input => input.Value, IHtmlTextAreaElement area => area.Value, IHtmlSelectElement select => select.Value ?? "", _ => "" };

    public bool IsTicked(string label) => ((IHtmlInputElement)Labelled(label)).IsChecked;

    /// <summary>The sentence beside a field that has to be mended; null when there is none.</summary>
    public string? ProblemOf(string label) =>
        Labelled(label).GetAttribute("aria-describedby")?.Split(' ').Select(id => Page.GetElementById(id)).FirstOrDefault(e => e?.ClassList.Contains("field-problem") == true) is { } problem ? Squeeze(problem.TextContent) : null;

    /// <summary>Presses a button, named by its words or its label, and sends its form.</summary>
    /// <param name="follow">False: stops at a redirect, as if the tab were closed there.</param>
    public Task PressAsync(string button, bool follow = true)
    {
        var pressed = One(Page.QuerySelectorAll("button"), button);
        var form = ((IHtmlButtonElement)pressed).Form ?? throw new InvalidOperationException($"{button} belongs to no form.");
        var submission = form.GetSubmission((IHtmlElement)pressed) ?? throw new InvalidOperationException($"{button} sends nothing.");
        var request = new HttpRequestMessage(submission.Method == AngleSharp.Io.HttpMethod.Post ? System.Net.Http.HttpMethod.Post : System.Net.Http.HttpMethod.Get, submission.Target.Href);
        if (request.Method == System.Net.Http.HttpMethod.Post)
        {
            request.Content = new StreamContent(submission.Body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", submission.MimeType);
        }
        return SendAsync(request, follow);
    }

    /// <summary>Posts a form of one's own making, as another site might.</summary>
    public Task PostAsync(string address, params (string Name, string Value)[] fields) => SendAsync(new HttpRequestMessage(System.Net.Http.HttpMethod.Post, new Uri(Address, address))
    {
        Content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value))),
    });

    public void Dispose()
    {
        client.Dispose();
        context.Dispose();
    }

    private async Task SendAsync(HttpRequestMessage request, bool follow = true)
    {
        var cancel = TestContext.Current.CancellationToken;
        LeftFor = null;
        var response = await client.SendAsync(request, cancel);
        for (var redirects = 0; follow && response.Headers.Location is { } location && redirects < 10; redirects++)
        {
            var next = new Uri(response.RequestMessage!.RequestUri!, location);
            if (!followsToOtherSites && next.Authority != client.BaseAddress!.Authority)
            {
                LeftFor = next;
                break;
            }
            response.Dispose();
            response = await client.GetAsync(next, cancel);
        }
        using var last = response;
        var html = await response.Content.ReadAsStringAsync(cancel);
        Address = response.RequestMessage!.RequestUri!;
        Status = response.StatusCode;
        ContentSecurityPolicy = response.Headers.TryGetValues("Content-Security-Policy", out var policy) ? string.Join("; ", policy) : "";
        Page = await context.OpenAsync(answer => answer.Content(html).Address(Address), cancel);
    }

    private IElement Labelled(string words, string? group = null)
    {
        var within = group is null ? (IParentNode)Page : Page.QuerySelectorAll("fieldset").Single(f => Squeeze(f.QuerySelector("legend")?.TextContent) == group);
        var labels = within.QuerySelectorAll("label").OfType<IHtmlLabelElement>().ToList();
        var label = labels.Find(l => Squeeze(l.TextContent) == words) ?? labels.Find(l => Squeeze(l.TextContent).Contains(words, StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"{Title} has no field {words}: {string.Join(" | ", labels.Select(l => Squeeze(l.TextContent)))}");
        return label.HtmlFor is { Length: > 0 } id ? Page.GetElementById(id)! : label.QuerySelector("input, select, textarea")!;
    }

    private IElement One(IEnumerable<IElement> elements, string words)
    {
        var all = elements.ToList();
        return all.Find(e => e.GetAttribute("aria-label") == words || Squeeze(e.TextContent) == words)
            ?? all.Find(e => Squeeze(e.TextContent).Contains(words, StringComparison.Ordinal) || e.GetAttribute("aria-label")?.Contains(words, StringComparison.Ordinal) == true)
            ?? throw new InvalidOperationException($"{Title} has no {words}: {string.Join(" | ", all.Select(e => Squeeze(e.TextContent)))}");
    }

    private static string Squeeze(string? text) => string.Join(' ', (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
