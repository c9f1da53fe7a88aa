using System.Buffers;
using System.Globalization;
using System.Text;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;

namespace Postrider.Conversations;

/// <summary>
/// HTML of a stranger with everything taken out that could act: only what stands on the lists below comes through.
/// It is shown in a sandboxed frame under a policy of its own besides, so a hole here alone opens nothing.
/// </summary>
/// <param name="Html">A fragment of HTML, well-formed, for the inside of a body.</param>
/// <param name="Text">The same for reading: what the list shows, and what an answer would quote.</param>
/// <param name="BlockedPictures">Pictures that would have been fetched from elsewhere.</param>
/// <param name="Cut">The message was longer or deeper than what is shown.</param>
/// <param name="Height">CSS pixels it takes in a column of usual width: an estimate (<see cref="FrameHeight"/>).</param>
/// <param name="BlockedHeight">What the blocked pictures would take besides.</param>
internal sealed record SafeHtml(string Html, string Text, int BlockedPictures, bool Cut, int Height, int BlockedHeight)
{
    // Bounds of time and memory. AngleSharp looks up the stack of open elements at most tags, so time grows with tags times depth;
    // the largest newsletters have some 10,000 tags and are nested below 100 deep.
    internal const int MaxChars = 2_000_000;
    internal const int MaxTags = 30_000;
    internal const int MaxOpenTags = 1500;
    internal const int MaxDepth = 200;

    private static readonly HashSet<string> Shown =
    [
        "a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del",
        "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd",
        "li", "main", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "summary", "sup", "table",
        "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
    ];

    /// <summary>Elements whose content is not for reading, or is read by other rules than HTML's.</summary>
    private static readonly HashSet<string> DroppedWhole =
    [
        "applet", "audio", "base", "button", "canvas", "datalist", "embed", "frame", "frameset", "head", "iframe", "input", "link", "math", "meta", "noembed", "noframes",
        "object", "option", "param", "plaintext", "script", "select", "slot", "source", "style", "svg", "template", "textarea", "title", "track", "video", "xmp",
    ];

    /// <summary>Tags that are seldom closed in real mail and nest no deeper for it.</summary>
    private static readonly HashSet<string> ClosedByItself =
        new(StringComparer.OrdinalIgnoreCase) { "area", "base", "br", "col", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "option", "p", "tbody", "td", "tfoot", "th", "thead", "tr", "wbr" };

    private static readonly HashSet<string> Void = ["br", "col", "hr", "img", "wbr"];

    private static readonly HashSet<string> Block =
    [
        "address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
        "header", "hr", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tr", "ul",
    ];

    /// <summary>Attributes without an address in them, allowed on every element.</summary>
    private static readonly HashSet<string> PlainAttributes =
    [
        "abbr", "align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "color", "colspan", "datetime", "dir", "face", "headers", "height", "lang", "nowrap", "open",
        "reversed", "rowspan", "rules", "scope", "size", "span", "start", "summary", "title", "type", "valign", "value", "width",
    ];

    private static readonly HashSet<string> StyleProperties =
    [
        "background-color", "border", "border-bottom", "border-bottom-color", "border-bottom-style", "border-bottom-width", "border-collapse", "border-color", "border-left",
        "border-left-color", "border-left-style", "border-left-width", "border-radius", "border-right", "border-right-color", "border-right-style", "border-right-width", "border-spacing",
        "border-style", "border-top", "border-top-color", "border-top-style", "border-top-width", "border-width", "box-sizing", "caption-side", "clear", "color", "direction", "display",
        "empty-cells", "float", "font", "font-family", "font-size", "font-style", "font-variant", "font-weight", "height", "letter-spacing", "line-height", "list-style-type", "margin",
        "margin-bottom", "margin-left", "margin-right", "margin-top", "max-height", "max-width", "min-height", "min-width", "overflow-wrap", "padding", "padding-bottom", "padding-left",
        "padding-right", "padding-top", "table-layout", "text-align", "text-decoration", "text-indent", "text-transform", "unicode-bidi", "vertical-align", "white-space", "width",
        "word-break", "word-spacing", "word-wrap",
    ];

    // What a harmless CSS value is made of. No colon, slash, backslash, at-sign or angle bracket: no address, escape, comment or markup can be spelled.
    private static readonly SearchValues<char> StyleValueChars = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 #%.,-+!'\"()_");
    private static readonly HashSet<string> StyleFunctions = ["rgb", "rgba", "hsl", "hsla"];

    /// <param name="html">As sent.</param>
    /// <param name="pictureByContentId">The address of an inline picture by its Content-ID, null for an unknown one; null: there are none.</param>
    /// <param name="remotePictures">Pictures by https stay; else all that would be fetched from elsewhere go.</param>
    public static SafeHtml From(string html, Func<string, string?>? pictureByContentId = null, bool remotePictures = false)
    {
        ArgumentNullException.ThrowIfNull(html);
        var (bounded, cut) = Bound(html);
        var document = new HtmlParser(new HtmlParserOptions { IsScripting = false, IsEmbedded = false }).ParseDocument(bounded);
        var writer = new Writer(pictureByContentId, remotePictures);
        if (document.Body is { } body) writer.Write(body);
        return new SafeHtml(writer.Html.ToString(), Tidy(writer.Text), writer.BlockedPictures, cut || writer.Cut, writer.Height.Total, writer.BlockedHeight);
    }

    /// <summary>Cuts what would take the parser too long. The depth is an estimate that errs to the high side: a closing tag counts only for an open one of its name.</summary>
    private static (string Html, bool Cut) Bound(string html)
    {
        var end = Math.Min(html.Length, MaxChars);
        var open = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        var names = open.GetAlternateLookup<ReadOnlySpan<char>>();
        var (at, tags, depth) = (-1, 0, 0);
        while (true)
        {
            var next = html.AsSpan(at + 1, end - at - 1).IndexOf('<');
            if (next < 0) return end == html.Length ? (html, false) : (html[..end], true);
            at += next + 1;
            if (++tags > MaxTags || depth > MaxOpenTags) return (html[..at], true);

            var closing = at + 1 < end && html[at + 1] == '/';
            var name = NameAt(html, at + (closing ? 2 : 1), end);
            if (name.IsEmpty || name.Length > 20 || ClosedByItself.GetAlternateLookup<ReadOnlySpan<char>>().Contains(name)) continue;
            names.TryGetValue(name, out var count);
            if (closing && count == 0) continue;
            names[name] = closing ? count - 1 : count + 1;
            depth += closing ? -1 : 1;
        }
    }

    private static ReadOnlySpan<char> NameAt(string html, int start, int end)
    {
        var stop = start;
        while (stop < end && char.IsAsciiLetterOrDigit(html[stop])) stop++;
        return html.AsSpan(Math.Min(start, end), stop - Math.Min(start, end));
    }

    /// <summary>At most two line ends and one blank in a row.</summary>
    private static string Tidy(StringBuilder text)
    {
        var tidy = new StringBuilder(text.Length);
        int lineEnds = 2;
        var blank = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\n')
            {
                blank = false;
                if (lineEnds++ < 2) tidy.Append('\n');
            }
            else if (char.IsWhiteSpace(c)) blank = true;
            else
            {
                if (blank && lineEnds == 0) tidy.Append(' ');
                blank = false;
                lineEnds = 0;
                tidy.Append(c);
            }
        }
        return tidy.ToString().TrimEnd();
    }

    /// <summary>Walks the tree with a stack of its own: a message nested 100,000 deep must not end the process.</summary>
    private sealed class Writer(Func<string, string?>? pictureByContentId, bool remotePictures)
    {
        private readonly Stack<(INode Node, int Depth, bool Leaving, string? LinkHost)> pending = new();

        public FrameHeight Height { get; } = new();
        public StringBuilder Html { get; } = new();
        public StringBuilder Text { get; } = new();
        public int BlockedPictures { get; private set; }
        public int BlockedHeight { get; private set; }
        public bool Cut { get; private set; }

        public void Write(IElement body)
        {
            PushChildren(body, 0);
            while (pending.TryPop(out var step))
            {
                if (step.Leaving) Leave((IElement)step.Node, step.LinkHost);
                else if (step.Node is IText text) WriteText(text.Data);
                else if (step.Node is IElement element) Enter(element, step.Depth);
            }
        }

        private void PushChildren(INode parent, int depth)
        {
            for (var i = parent.ChildNodes.Length - 1; i >= 0; i--) pending.Push((parent.ChildNodes[i], depth, false, null));
        }

        private void Enter(IElement element, int depth)
        {
            var name = element.LocalName;
            if (element.NamespaceUri != NamespaceNames.HtmlUri || DroppedWhole.Contains(name)) return;
            if (name == "br") Text.Append('\n');
            else if (Block.Contains(name)) Text.Append('\n');
            else if (name is "td" or "th") Text.Append(' ');

            if (depth >= MaxDepth)
            {
                Cut = true;
                PushTextsOf(element);
                return;
            }
            if (!Shown.Contains(name))
            {
                PushChildren(element, depth);
                return;
            }
            Height.Enter(name, name == "tr" ? element.Children.Count(child => child.LocalName is "td" or "th") : 0);
            if (name == "img" && !WritePicture(element)) return;
            if (name != "img")
            {
                var host = name == "a" ? OpenLink(element) : null;
                if (name != "a") Open(element);
                if (Void.Contains(name)) return;
                pending.Push((element, depth, true, host));
                PushChildren(element, depth + 1);
            }
        }

        /// <summary>Deeper than is shown: the words still are.</summary>
        private void PushTextsOf(IElement element)
        {
            var inside = new Stack<INode>();
            inside.Push(element);
            while (inside.TryPop(out var node))
            {
                if (node is IText text) WriteText(text.Data);
                else if (node is IElement e && (e.NamespaceUri != NamespaceNames.HtmlUri || DroppedWhole.Contains(e.LocalName))) continue;
                else for (var i = node.ChildNodes.Length - 1; i >= 0; i--) inside.Push(node.ChildNodes[i]);
            }
        }

        private void Open(IElement element)
        {
            Html.Append('<').Append(element.LocalName);
            WriteAttributes(element);
            Html.Append('>');
        }

        private void WriteAttributes(IElement element)
        {
            foreach (var attribute in element.Attributes)
            {
                if (attribute.NamespaceUri is not null) continue;
                if (attribute.LocalName == "style")
                {
                    var style = SafeStyle(attribute.Value);
                    if (style.Length > 0) WriteAttribute("style", style);
                }
                else if (PlainAttributes.Contains(attribute.LocalName)) WriteAttribute(attribute.LocalName, attribute.Value);
            }
        }

        /// <returns>The host the link goes to, when its words claim another one; else null.</returns>
        private string? OpenLink(IElement element)
        {
            Html.Append("<a");
            WriteAttributes(element);
            string? host = null;
            if (Link(element.GetAttribute("href")) is { } target)
            {
                WriteAttribute("href", target.AbsoluteUri);
                WriteAttribute("target", "_blank");
                WriteAttribute("rel", "noopener noreferrer nofollow");
                if (target.Scheme is "http" or "https" && ClaimedHost(element.TextContent) is { } claimed && !SameSite(claimed, target.IdnHost)) host = target.IdnHost;
            }
            Html.Append('>');
            return host;
        }

        private void Leave(IElement element, string? linkHost)
        {
            Html.Append("</").Append(element.LocalName).Append('>');
            Height.Leave(element.LocalName);
            if (linkHost is not null)
            {
                // WEB-05: the words of the link name one host, its target is another.
                Html.Append("<span class=\"real-host\"> [").Append(Escape(linkHost)).Append("]</span>");
                Text.Append(" [").Append(linkHost).Append(']');
            }
            if (Block.Contains(element.LocalName)) Text.Append('\n');
        }

        /// <returns>False when nothing is left to show.</returns>
        private bool WritePicture(IElement element)
        {
            var alt = element.GetAttribute("alt");
            var source = element.GetAttribute("src")?.Trim() ?? "";
            if (AddressOf(source) is not { } address)
            {
                if (source.StartsWith("http:", StringComparison.OrdinalIgnoreCase) || source.StartsWith("https:", StringComparison.OrdinalIgnoreCase) || source.StartsWith("//", StringComparison.Ordinal))
                {
                    BlockedPictures++;
                    BlockedHeight += FrameHeight.OfPicture(element.GetAttribute("height"), element.GetAttribute("width"));
                }
                if (!string.IsNullOrWhiteSpace(alt)) WriteText(alt);
                return false;
            }
            Height.Picture(FrameHeight.OfPicture(element.GetAttribute("height"), element.GetAttribute("width")));
            Html.Append("<img");
            WriteAttributes(element);
            WriteAttribute("src", address);
            WriteAttribute("referrerpolicy", "no-referrer");
            Html.Append('>');
            return true;
        }

        /// <returns>Null: it is not shown.</returns>
        private string? AddressOf(string source)
        {
            if (source.StartsWith("cid:", StringComparison.OrdinalIgnoreCase)) return pictureByContentId?.Invoke(Uri.UnescapeDataString(source[4..]));
            return remotePictures && source.Length <= 8192 && Uri.TryCreate(source, UriKind.Absolute, out var address) && address.Scheme == Uri.UriSchemeHttps && address.UserInfo.Length == 0 ? address.AbsoluteUri : null;
        }

        private void WriteText(string text)
        {
            Html.Append(Escape(text));
            Height.Text(text);
            Text.Append(text.Replace('\n', ' '));
        }

        private void WriteAttribute(string name, string value) => Html.Append(' ').Append(name).Append("=\"").Append(Escape(value)).Append('"');
    }

    /// <summary>Escapes for text and for quoted attributes alike. Control signs other than white space go: they only serve to deceive.</summary>
    private static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            switch (c)
            {
                case '&': escaped.Append("&amp;"); break;
                case '<': escaped.Append("&lt;"); break;
                case '>': escaped.Append("&gt;"); break;
                case '"': escaped.Append("&quot;"); break;
                case '\'': escaped.Append("&#39;"); break;
                case '`': escaped.Append("&#96;"); break;
                case '\u00a0': escaped.Append("&nbsp;"); break;
                default:
                    if (c is '\t' or '\n' or '\r' || !char.IsControl(c)) escaped.Append(c);
                    break;
            }
        }
        return escaped.ToString();
    }

    internal static Uri? Link(string? href)
    {
        if (href is null || href.Length > 8192) return null;
        if (!Uri.TryCreate(href.Trim(), UriKind.Absolute, out var target)) return null;
        return target.Scheme is "http" or "https" or "mailto" or "tel" ? target : null;
    }

    /// <summary>The host a link's words name, or null when they are no address.</summary>
    private static string? ClaimedHost(string words)
    {
        words = words.Trim();
        if (words.Length is < 4 or > 300 || words.Any(char.IsWhiteSpace) || words.Contains('@', StringComparison.Ordinal)) return null;
        var withScheme = words.Contains("://", StringComparison.Ordinal) ? words : "http://" + words;
        return Uri.TryCreate(withScheme, UriKind.Absolute, out var claimed) && claimed.Scheme is "http" or "https" && claimed.Host.Contains('.', StringComparison.Ordinal) ? claimed.IdnHost : null;
    }

    private static bool SameSite(string claimed, string real) =>
        string.Equals(claimed, real, StringComparison.OrdinalIgnoreCase)
        || string.Equals("www." + claimed, real, StringComparison.OrdinalIgnoreCase)
        || string.Equals(claimed, "www." + real, StringComparison.OrdinalIgnoreCase);

    internal static string SafeStyle(string style)
    {
        if (style.Length > 4096) return "";
        var kept = new StringBuilder();
        foreach (var declaration in style.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var colon = declaration.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0) continue;
            var property = declaration[..colon].Trim().ToLower(CultureInfo.InvariantCulture);
            var value = declaration[(colon + 1)..].Trim();
            if (value.Length == 0 || !StyleProperties.Contains(property) || !IsHarmless(value)) continue;
            if (kept.Length > 0) kept.Append("; ");
            kept.Append(property).Append(": ").Append(value);
        }
        return kept.ToString();
    }

    private static bool IsHarmless(string value)
    {
        if (value.AsSpan().ContainsAnyExcept(StyleValueChars)) return false;
        for (var open = value.IndexOf('(', StringComparison.Ordinal); open >= 0; open = value.IndexOf('(', open + 1))
        {
            var start = open;
            while (start > 0 && (char.IsAsciiLetterOrDigit(value[start - 1]) || value[start - 1] is '-' or '_')) start--;
            if (!StyleFunctions.Contains(value[start..open].ToLower(CultureInfo.InvariantCulture))) return false;
        }
        // An unbalanced quote would swallow what follows it.
        return value.Count(c => c == '"') % 2 == 0 && value.Count(c => c == '\'') % 2 == 0;
    }
}
