using System.Net;
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

    public void Dispose()
    {
        invoker.Dispose();
        handler.Dispose();
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
