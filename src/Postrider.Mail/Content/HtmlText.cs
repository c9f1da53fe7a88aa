using System.Net;
using System.Text;

namespace Postrider.Mail.Content;

/// <summary>What a person reads of an HTML part, by a scan of its tags: no tree is built, so nesting costs nothing, and what is broken is read on behind.</summary>
/// <param name="Text">Lines end with LF. Blocks and <c>br</c> end lines, list items begin with "- ", cells are parted by a tab.</param>
/// <param name="HistoryAt">Where in <paramref name="Text"/> the quoted history begins, as Outlook, Gmail, Apple Mail, Thunderbird, Yahoo and others mark it; null: nowhere.</param>
/// <param name="IsCut">There was more than is read.</param>
public sealed record HtmlText(string Text, int? HistoryAt, bool IsCut)
{
    /// <summary>Characters of HTML that are read at most.</summary>
    public const int Longest = 16 << 20;

    private const int LongestTag = 64 << 10;

    private static readonly string[] Blocks =
    [
        "address", "article", "aside", "blockquote", "center", "dd", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul", "title", "caption", "body", "html",
    ];

    // Their content is not text for people.
    private static readonly string[] Hidden = ["script", "style", "head", "template", "noscript", "object", "svg", "math", "select", "textarea", "iframe", "xmp", "noembed", "noframes"];

    /// <summary>Never throws; in linear time.</summary>
    public static HtmlText Read(string html)
    {
        var cut = html.Length > Longest;
        return new Reader(cut ? html[..Longest] : html).Read(cut);
    }

    private sealed class Reader(string html)
    {
        private readonly StringBuilder _text = new(Math.Min(html.Length, 1 << 16));
        private int? _history;
        private bool _space;
        private int _pre;
        private int _quotes;
        // Behind these nothing is looked for again: what was not found once is not there.
        private readonly int _lastClose = html.LastIndexOf('>');
        private readonly HashSet<string> _neverClosed = new(StringComparer.Ordinal);
        private int _quotesIgnoredUntil;

        // Characters that may still be drawn for tags: a line for "hr" is longer than its tag, and quote marks stand on each line.
        private int _drawing = 1000 + html.Length / 4;

        public HtmlText Read(bool cut)
        {
            var position = 0;
            while (position < html.Length)
            {
                var tag = html.IndexOf('<', position);
                if (tag < 0) tag = html.Length;
                if (tag > position) Words(html.AsSpan(position, tag - position));
                position = tag < html.Length ? Tag(tag) : tag;
            }
            var text = _text.ToString();
            var end = text.Length;
            while (end > 0 && text[end - 1] is '\n' or ' ' or '\t') end--;
            var start = 0;
            while (start < end && text[start] is '\n') start++;
            int? history = _history is { } at ? Math.Clamp(at - start, 0, end - start) : null;
            // A message that is nothing but a quote has said something else by quoting.
            return new HtmlText(text[start..end], history, cut);
        }

        private int Tag(int at)
        {
            if (at + 1 >= html.Length || !(char.IsAsciiLetter(html[at + 1]) || html[at + 1] is '/' or '!' or '?'))
            {
                Words("<");
                return at + 1;
            }
            if (html.AsSpan(at).StartsWith("<!--", StringComparison.Ordinal))
            {
                var end = html.IndexOf("-->", at + 4, StringComparison.Ordinal);
                return end < 0 ? html.Length : end + 3;
            }
            if (html[at + 1] is '!' or '?') return at > _lastClose ? html.Length : html.IndexOf('>', at) + 1;

            var closing = html[at + 1] == '/';
            var from = closing ? at + 2 : at + 1;
            var nameEnd = from;
            while (nameEnd < html.Length && nameEnd - from < 32 && (char.IsAsciiLetterOrDigit(html[nameEnd]) || html[nameEnd] is ':' or '-')) nameEnd++;
            var name = html[from..nameEnd].ToLowerInvariant();
            var close = TagEnd(nameEnd);
            var attributes = html.AsSpan(nameEnd, Math.Max(0, Math.Min(close, html.Length) - nameEnd));
            var next = Math.Min(close + 1, html.Length);

            if (!closing && Array.IndexOf(Hidden, name) >= 0 && !attributes.TrimEnd().EndsWith("/"))
            {
                var end = _neverClosed.Contains(name) ? -1 : html.IndexOf("</" + name, next, StringComparison.OrdinalIgnoreCase);
                if (end < 0) _neverClosed.Add(name);
                // A head that is never closed is read as if it were the body.
                if (end < 0) return name is "head" or "noscript" ? next : html.Length;
                return end > _lastClose ? html.Length : html.IndexOf('>', end) + 1;
            }
            if (!closing) Mark(name, attributes);
            switch (name)
            {
                case "br":
                    _text.Append('\n');
                    _space = false;
                    break;
                case "td" or "th" when !closing:
                    if (_text.Length > 0 && _text[^1] is not ('\n' or '\t')) _text.Append('\t');
                    _space = false;
                    break;
                case "img" when !closing:
                    break;
                default:
                    if (Array.IndexOf(Blocks, name) < 0) break;
                    NewLine();
                    if (name == "pre") _pre = Math.Max(0, _pre + (closing ? -1 : 1));
                    if (name == "blockquote") _quotes = Math.Max(0, _quotes + (closing ? -1 : 1));
                    if (name is "p" or "h1" or "h2" or "h3" or "h4" or "h5" or "h6" or "blockquote" && _text.Length > 0 && !(_text.Length > 1 && _text[^1] == '\n' && _text[^2] == '\n')) _text.Append('\n');
                    if (name == "li" && !closing) Draw("- ");
                    if (name == "hr" && !closing) Draw("________________________________\n");
                    break;
            }
            return next;
        }

        /// <summary>Where the tag ends: a '>' within quotes is none. A tag that does not end soon is text.</summary>
        private int TagEnd(int from)
        {
            var limit = Math.Min(html.Length, from + LongestTag);
            if (from > _lastClose) return limit;
            var quote = '\0';
            for (var i = from; i < limit; i++)
            {
                var c = html[i];
                if (quote != '\0')
                {
                    if (c == quote) quote = '\0';
                }
                else if (c is '"' or '\'' && i >= _quotesIgnoredUntil && i > from && html[i - 1] is '=' or ' ')
                {
                    quote = c;
                }
                else if (c == '>')
                {
                    return i;
                }
            }
            // Quotes within which every '>' stands were none, nor are those behind them.
            _quotesIgnoredUntil = limit;
            var plain = html.AsSpan(from, limit - from).IndexOf('>');
            return plain < 0 ? limit : from + plain;
        }

        /// <summary>What mail programs say of the beginning of the history.</summary>
        private void Mark(string name, ReadOnlySpan<char> attributes)
        {
            if (_history is not null || name is not ("div" or "blockquote" or "hr" or "span" or "table" or "a")) return;
            var marks = attributes.Contains("gmail_quote", StringComparison.Ordinal) && !attributes.Contains("gmail_quote_container_", StringComparison.Ordinal)
                || attributes.Contains("divRplyFwdMsg", StringComparison.Ordinal) || attributes.Contains("appendonsend", StringComparison.Ordinal) || attributes.Contains("stopSpelling", StringComparison.OrdinalIgnoreCase)
                || attributes.Contains("moz-cite-prefix", StringComparison.Ordinal) || attributes.Contains("yahoo_quoted", StringComparison.OrdinalIgnoreCase) || attributes.Contains("zmail_extra", StringComparison.Ordinal) || attributes.Contains("protonmail_quote", StringComparison.Ordinal)
                || attributes.Contains("OutlookMessageHeader", StringComparison.Ordinal) || attributes.Contains("mail-quote", StringComparison.Ordinal)
                || (name == "blockquote" && (attributes.Contains("type=\"cite\"", StringComparison.OrdinalIgnoreCase) || attributes.Contains("type=cite", StringComparison.OrdinalIgnoreCase)))
                // Outlook draws a line over the header block.
                || (name == "div" && attributes.Contains("border-top:solid #", StringComparison.OrdinalIgnoreCase) && attributes.Contains("1.0pt", StringComparison.OrdinalIgnoreCase))
                || (name == "div" && attributes.Contains("border:none;border-top:solid", StringComparison.OrdinalIgnoreCase));
            if (marks) _history = _text.Length;
        }

        private void Draw(string what)
        {
            if ((_drawing -= what.Length) > 0) _text.Append(what);
            else _drawing = 0;
        }

        private void NewLine()
        {
            _space = false;
            while (_text.Length > 0 && _text[^1] is ' ' or '\t') _text.Length--;
            if (_text.Length > 0 && _text[^1] != '\n') _text.Append('\n');
        }

        private void Words(ReadOnlySpan<char> raw)
        {
            for (var i = 0; i < raw.Length; i++)
            {
                var c = raw[i];
                if (c == '&')
                {
                    var semicolon = raw[i..Math.Min(raw.Length, i + 34)].IndexOf(';');
                    if (semicolon > 1)
                    {
                        var decoded = WebUtility.HtmlDecode(new string(raw.Slice(i, semicolon + 1)));
                        i += semicolon;
                        foreach (var one in decoded) Put(one);
                        continue;
                    }
                }
                Put(c);
            }
        }

        private void Put(char c)
        {
            if (_pre > 0 && c is '\n')
            {
                _text.Append('\n');
                return;
            }
            if (c is ' ' or '\t' or '\r' or '\n' or '\f')
            {
                _space = true;
                return;
            }
            // Spaces that keep a line together, and signs without width.
            if (c is '\u200b' or '\ufeff' or '\u00ad' or '\u200c') return;
            if (c == '\u00a0') c = ' ';
            if (char.IsControl(c)) return;
            if (_space && _text.Length > 0 && _text[^1] is not ('\n' or ' ' or '\t')) _text.Append(' ');
            _space = false;
            if (_quotes > 0 && (_text.Length == 0 || _text[^1] == '\n') && _quotes <= 20) for (var n = 0; n < _quotes; n++) Draw("> ");
            _text.Append(c);
        }
    }
}
