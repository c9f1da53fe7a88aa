using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tnef;

/// <summary>What a person reads of Rich Text, without its looks; or the HTML that Outlook wrapped into it ([MS-OXRTFEX]).</summary>
/// <param name="IsHtml">It said that it holds HTML (<c>\fromhtml</c>).</param>
internal sealed record RtfText(string Content, bool IsHtml)
{
    private const int DeepestGroup = 1000;

    // Groups that hold no text of the document.
    private static readonly HashSet<string> Aside = new(StringComparer.Ordinal)
    {
        "fonttbl", "colortbl", "stylesheet", "info", "pict", "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "filetbl", "revtbl", "objdata", "themedata", "colorschememapping", "datastore", "latentstyles", "listtable", "listoverridetable", "generator", "xmlnstbl",
    };

    /// <summary>Never throws; in linear time.</summary>
    public static RtfText Read(byte[] rtf) => new Reader(rtf).Read();

    private struct Group
    {
        public bool Skipped; // nothing of it is text
        public bool Fonts; // within the font table
        public bool HtmlTag; // its text is HTML, whatever stands around it
        public bool RtfOnly; // within \htmlrtf: for readers of Rich Text, not part of the HTML
        public int Fallback; // characters that stand behind \u for readers without Unicode
        public int Font;
    }

    private sealed class Reader(byte[] rtf)
    {
        private readonly StringBuilder _text = new(Math.Min(rtf.Length, 1 << 16));
        private readonly Stack<Group> _groups = new();
        private readonly Dictionary<int, Encoding> _fonts = [];
        private readonly List<byte> _bytes = []; // of one character or several, in the code page
        private Group _group = new() { Fallback = 1, Font = -1 };
        private Encoding _codePage = CharsetReader.Windows1252;
        private bool _isHtml;
        private bool _star; // \* was read: a group that not everybody knows begins
        private int _pass; // characters to pass over, behind \u
        private int _at;

        public RtfText Read()
        {
            while (_at < rtf.Length)
            {
                var b = rtf[_at++];
                switch (b)
                {
                    case (byte)'{':
                        Flush();
                        if (_groups.Count == DeepestGroup) return Done();
                        _groups.Push(_group);
                        _star = false;
                        break;
                    case (byte)'}':
                        Flush();
                        if (_groups.TryPop(out var outer)) _group = outer;
                        _pass = 0;
                        break;
                    case (byte)'\\':
                        Control();
                        break;
                    case (byte)'\r' or (byte)'\n' or 0:
                        break;
                    default:
                        Character(b);
                        break;
                }
            }
            return Done();
        }

        private RtfText Done()
        {
            Flush();
            var text = _text.ToString();
            // Half a pair came alone.
            if (text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            return new(_isHtml ? text : text.TrimEnd(), _isHtml);
        }

        private bool IsText => !_group.Skipped && (_group.HtmlTag || !(_isHtml && _group.RtfOnly));

        private void Character(byte b)
        {
            if (_pass > 0) _pass--;
            else if (IsText) _bytes.Add(b);
        }

        private void Control()
        {
            if (_at == rtf.Length) return;
            var b = rtf[_at];
            if (!char.IsAsciiLetter((char)b))
            {
                _at++;
                Symbol(b);
                return;
            }
            var from = _at;
            while (_at < rtf.Length && _at - from < 32 && char.IsAsciiLetter((char)rtf[_at])) _at++;
            var word = Encoding.ASCII.GetString(rtf, from, _at - from);
            from = _at;
            if (_at < rtf.Length && rtf[_at] == '-') _at++;
            while (_at < rtf.Length && _at - from < 11 && char.IsAsciiDigit((char)rtf[_at])) _at++;
            var number = int.TryParse(rtf.AsSpan(from, _at - from), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var parsed) ? parsed : (int?)null;
            if (number is null) _at = from;
            if (_at < rtf.Length && rtf[_at] == ' ') _at++;
            Word(word, number);
        }

        private void Symbol(byte b)
        {
            switch (b)
            {
                case (byte)'\'':
                    if (_at + 2 > rtf.Length) break;
                    if (byte.TryParse(rtf.AsSpan(_at, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)) Character(value);
                    _at += 2;
                    break;
                case (byte)'*':
                    _star = true;
                    break;
                case (byte)'\\' or (byte)'{' or (byte)'}':
                    Character(b);
                    break;
                case (byte)'~':
                    Put(_isHtml ? "&nbsp;" : "\u00A0");
                    break;
                case (byte)'_':
                    Put(_isHtml ? "&shy;" : "\u00AD");
                    break;
                case (byte)'\r' or (byte)'\n':
                    Put("\r\n");
                    break;
            }
        }

        private void Word(string word, int? number)
        {
            var star = _star;
            _star = false;
            switch (word)
            {
                case "fromhtml":
                    _isHtml = number != 0;
                    break;
                case "ansicpg":
                    _codePage = CharsetReader.Find(number ?? 0) ?? _codePage;
                    break;
                case "htmltag" when star:
                    Flush();
                    _group.HtmlTag = true;
                    break;
                case "htmlrtf":
                    Flush();
                    _group.RtfOnly = number != 0;
                    break;
                case "fonttbl":
                    (_group.Skipped, _group.Fonts) = (true, true);
                    break;
                case "f":
                    Flush();
                    _group.Font = number ?? 0;
                    break;
                case "fcharset" when _group.Fonts:
                    // A document has a few fonts; one that says more is not read better for it.
                    if (_fonts.Count < 1000 && CodePageOf(number ?? 0) is { } encoding) _fonts[_group.Font] = encoding;
                    break;
                case "uc":
                    _group.Fallback = Math.Clamp(number ?? 1, 0, 100);
                    break;
                case "u":
                    Put(((char)(ushort)(number ?? 0)).ToString());
                    _pass = _group.Fallback;
                    break;
                case "bin":
                    _at = (int)Math.Min(rtf.Length, (long)_at + Math.Max(0, number ?? 0));
                    break;
                case "par" or "line" or "sect" or "page" or "row":
                    Put("\r\n");
                    break;
                case "tab" or "cell":
                    Put("\t");
                    break;
                case "lquote" or "rquote" or "ldblquote" or "rdblquote" or "bullet" or "endash" or "emdash" or "emspace" or "enspace":
                    Put(Sign(word));
                    break;
                default:
                    if (star || Aside.Contains(word)) _group.Skipped = true;
                    break;
            }
        }

        private void Put(string text)
        {
            Flush();
            if (IsText) _text.Append(text);
        }

        private void Flush()
        {
            if (_bytes.Count == 0) return;
            var encoding = !_group.HtmlTag && _fonts.TryGetValue(_group.Font, out var font) ? font : _codePage;
            _text.Append(encoding.GetString(CollectionsMarshal.AsSpan(_bytes)));
            _bytes.Clear();
        }

        private static string Sign(string word) => word switch
        {
            "lquote" => "\u2018",
            "rquote" => "\u2019",
            "ldblquote" => "\u201C",
            "rdblquote" => "\u201D",
            "bullet" => "\u2022",
            "endash" => "\u2013",
            "emdash" => "\u2014",
            _ => " ",
        };

        // The charsets of Windows fonts; null: what the document says holds.
        private static Encoding? CodePageOf(int charset) => charset switch
        {
            0 => CharsetReader.Windows1252,
            128 => CharsetReader.Find(932),
            129 => CharsetReader.Find(949),
            134 => CharsetReader.Find(936),
            136 => CharsetReader.Find(950),
            161 => CharsetReader.Find(1253),
            162 => CharsetReader.Find(1254),
            163 => CharsetReader.Find(1258),
            177 => CharsetReader.Find(1255),
            178 => CharsetReader.Find(1256),
            186 => CharsetReader.Find(1257),
            204 => CharsetReader.Find(1251),
            222 => CharsetReader.Find(874),
            238 => CharsetReader.Find(1250),
            _ => null,
        };
    }
}
