using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;

namespace Postrider.Demo;

/// <summary>Somebody at a browser, without the screen: keeps cookies, follows redirects between the hub and the sandbox, and fills in the forms that the pages really hold.</summary>
internal sealed class Person : IDisposable
{
    private const int MaxRedirects = 20;
    private readonly CookieContainer cookies = new();
    private readonly SocketsHttpHandler handler;
    private readonly HttpMessageInvoker invoker;

    public Person()
    {
        handler = new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = cookies };
        invoker = new HttpMessageInvoker(handler);
    }

    public async Task<Page> GoAsync(Uri address, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        return await FollowAsync(request, cancel);
    }

    /// <summary>Presses the button with this text (or the only one of its form, when <paramref name="button"/> is null), with the form's own fields and those given.</summary>
    /// <exception cref="StoryException">The page has no such button or field.</exception>
    public async Task<Page> PressAsync(Page page, string? button, IReadOnlyDictionary<string, string> fields, CancellationToken cancel)
    {
        var pressed = page.Document.QuerySelectorAll("button, input[type=submit]")
            .Where(b => b.Closest("form") is not null)
            .FirstOrDefault(b => button is null || string.Equals(Label(b), button, StringComparison.OrdinalIgnoreCase))
            ?? throw new StoryException($"{page.Address} has no button \"{button}\". It says: {page.Text}");
        var form = (IHtmlFormElement)pressed.Closest("form")!;
        var values = Values(form, pressed);
        foreach (var (name, value) in fields)
        {
            if (form.QuerySelector($"[name='{name}']") is null) throw new StoryException($"{page.Address} has no field \"{name}\".");
            values.RemoveAll(v => v.Key == name);
            values.Add(new(name, value));
        }

        var target = new Uri(page.Address, pressed.GetAttribute("formaction") ?? form.GetAttribute("action") ?? page.Address.ToString());
        using var request = new HttpRequestMessage(string.Equals(form.Method, "post", StringComparison.OrdinalIgnoreCase) ? HttpMethod.Post : HttpMethod.Get, target);
        using var content = new FormUrlEncodedContent(values);
        if (request.Method == HttpMethod.Post) request.Content = content;
        else request.RequestUri = new UriBuilder(target) { Query = await content.ReadAsStringAsync(cancel) }.Uri;
        return await FollowAsync(request, cancel);
    }

    /// <summary>As a program does: JSON there and back, with the person's cookies.</summary>
    /// <returns>The answer; an empty object when there is none.</returns>
    /// <exception cref="StoryException">The answer is a problem; the message tells it.</exception>
    public async Task<JsonNode> SendAsync(HttpMethod method, Uri address, JsonNode? body, CancellationToken cancel)
    {
        using var response = await AskAsync(method, address, body, cancel);
        var text = await response.Content.ReadAsStringAsync(cancel);
        if (!response.IsSuccessStatusCode) throw new StoryException($"{method} {address} answered {(int)response.StatusCode}: {Told(text)}");
        return (text.Length == 0 ? null : JsonNode.Parse(text)) ?? new JsonObject();
    }

    /// <returns>Null when the answer is 404.</returns>
    public async Task<JsonNode?> TryReadAsync(Uri address, CancellationToken cancel)
    {
        using var response = await AskAsync(HttpMethod.Get, address, null, cancel);
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        var text = await response.Content.ReadAsStringAsync(cancel);
        return response.IsSuccessStatusCode ? JsonNode.Parse(text) : throw new StoryException($"GET {address} answered {(int)response.StatusCode}: {Told(text)}");
    }

    public async Task<byte[]> ReadBytesAsync(Uri address, CancellationToken cancel)
    {
        using var response = await AskAsync(HttpMethod.Get, address, null, cancel);
        return response.IsSuccessStatusCode ? await response.Content.ReadAsByteArrayAsync(cancel) : throw new StoryException($"GET {address} answered {(int)response.StatusCode}.");
    }

    public void Dispose()
    {
        invoker.Dispose();
        handler.Dispose();
    }

    private async Task<HttpResponseMessage> AskAsync(HttpMethod method, Uri address, JsonNode? body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, address);
        // What a browser adds by itself; the hub's API takes cookies only from its own pages.
        request.Headers.Add("Origin", address.GetLeftPart(UriPartial.Authority));
        if (body is not null) request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        return await invoker.SendAsync(request, cancel);
    }

    // The sentences of an application/problem+json (RFC 9457), or the beginning of whatever it is.
    private static string Told(string answer)
    {
        if (answer.StartsWith('{') && JsonNode.Parse(answer) is { } problem && problem["title"] is { } title) return string.Join(' ', new[] { title, problem["detail"], problem["remedy"] }.Where(part => part is not null));
        return answer.Length > 300 ? answer[..300] + "…" : answer;
    }

    private async Task<Page> FollowAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        var address = request.RequestUri!;
        var response = await invoker.SendAsync(request, cancel);
        try
        {
            for (var hop = 0; response.Headers.Location is { } location; hop++)
            {
                if (hop == MaxRedirects) throw new StoryException($"{address} redirects without end.");
                address = new Uri(address, location);
                response.Dispose();
                using var next = new HttpRequestMessage(HttpMethod.Get, address);
                response = await invoker.SendAsync(next, cancel);
            }

            var html = await response.Content.ReadAsStringAsync(cancel);
            return new Page(address, response.StatusCode, await new HtmlParser().ParseDocumentAsync(html, cancel));
        }
        finally
        {
            response.Dispose();
        }
    }

    private static List<KeyValuePair<string, string>> Values(IHtmlFormElement form, AngleSharp.Dom.IElement pressed)
    {
        var values = new List<KeyValuePair<string, string>>();
        foreach (var field in form.QuerySelectorAll("input[name], select[name], textarea[name]"))
        {
            var name = field.GetAttribute("name")!;
            switch (field)
            {
                case IHtmlInputElement { Type: "submit" or "button" or "image" or "file" }: break;
                case IHtmlInputElement { Type: "checkbox" or "radio", IsChecked: false }: break;
                case IHtmlInputElement input: values.Add(new(name, input.Value)); break;
                case IHtmlSelectElement select: values.Add(new(name, select.Value ?? "")); break;
                case IHtmlTextAreaElement area: values.Add(new(name, area.Value)); break;
            }
        }

        if (pressed.GetAttribute("name") is { Length: > 0 } pressedName) values.Add(new(pressedName, pressed.GetAttribute("value") ?? ""));
        return values;
    }

    private static string Label(AngleSharp.Dom.IElement button) =>
        (button is IHtmlInputElement input ? input.Value : button.TextContent).Trim();
}

/// <summary>A page as it arrived after its redirects.</summary>
internal sealed record Page(Uri Address, HttpStatusCode Status, IHtmlDocument Document)
{
    public bool Has(string selector) => Document.QuerySelector(selector) is not null;

    /// <summary>What a reader sees first, on one line and cut to 300 characters: for messages when a step fails.</summary>
    public string Text
    {
        get
        {
            var main = Document.QuerySelector("main") ?? Document.Body;
            var text = string.Join(' ', (main?.TextContent ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
            return text.Length > 300 ? text[..300] + "…" : text;
        }
    }
}

/// <summary>A step of the story did not hold. The message says why, for a person.</summary>
internal sealed class StoryException : Exception
{
    public StoryException() { }
    public StoryException(string message) : base(message) { }
    public StoryException(string message, Exception inner) : base(message, inner) { }
}
