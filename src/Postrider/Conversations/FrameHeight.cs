using System.Globalization;

namespace Postrider.Conversations;

/// <summary>
/// How tall the frame of an HTML message is. The frame cannot tell: nothing runs inside, and its page cannot look in.
/// So the writer of the safe HTML counts along: lines of text by their length, the cells of a row beside each other, pictures by their attributes.
/// </summary>
internal sealed class FrameHeight
{
    /// <summary>The heights of MessageCard.razor.css go up by this many pixels, in <see cref="Classes"/> steps.</summary>
    public const int Step = 48;
    public const int Classes = 25;
    // At 14 pixels and a line height of 1.5, in a column of some 900 pixels.
    private const int LineHeight = 21;
    private const int CharsPerLine = 120;
    private const int Padding = 28;
    // A picture that gives no height: what a newsletter's usually has.
    private const int UnknownPicture = 180;
    private const int MaxPicture = 1200;

    private readonly Stack<Box> boxes = new([new Box(CharsPerLine)]);

    /// <summary>CSS pixels, once everything has been left that was entered.</summary>
    public int Total
    {
        get
        {
            boxes.Peek().EndLine();
            return Padding + (int)Math.Min(boxes.Peek().Height, 100_000);
        }
    }

    /// <returns>From 1 to <see cref="Classes"/>.</returns>
    public static int ClassOf(int pixels) => Math.Clamp((pixels + Step - 1) / Step, 1, Classes);

    /// <param name="cells">Of a row.</param>
    public void Enter(string name, int cells)
    {
        switch (name)
        {
            case "tr": boxes.Peek().EndLine(); boxes.Push(new Box(Math.Max(12, boxes.Peek().CharsInLine / Math.Max(1, cells))) { IsRow = true }); break;
            case "td" or "th": boxes.Push(new Box(boxes.Peek().CharsInLine)); break;
            case "br": boxes.Peek().EndLine(blank: true); break;
            case "hr": boxes.Peek().Add(16); break;
            default: if (Margin(name) is { } margin) boxes.Peek().Add(margin / 2); break;
        }
    }

    public void Leave(string name)
    {
        if (name is "tr" or "td" or "th")
        {
            if (boxes.Count == 1) return;
            var inner = boxes.Pop();
            inner.EndLine();
            var height = inner.IsRow ? inner.Tallest + inner.Height + 4 : inner.Height + 4;
            if (boxes.Peek().IsRow) boxes.Peek().Tallest = Math.Max(boxes.Peek().Tallest, height);
            else boxes.Peek().Add(height);
        }
        else if (Margin(name) is { } margin) boxes.Peek().Add(margin / 2);
    }

    public void Text(string text)
    {
        var length = 0;
        var blank = true;
        foreach (var c in text)
        {
            var isBlank = char.IsWhiteSpace(c);
            if (!isBlank || !blank) length++;
            blank = isBlank;
        }
        boxes.Peek().Chars += length;
    }

    /// <param name="pixels">As <see cref="OfPicture"/> says.</param>
    public void Picture(int pixels)
    {
        // A small one stands in its line.
        if (pixels > LineHeight) boxes.Peek().Add(pixels);
    }

    /// <param name="height">As the attribute says, in pixels; null or anything else: unknown.</param>
    public static int OfPicture(string? height, string? width) =>
        Pixels(height) is { } known ? Math.Min(known, MaxPicture) : Pixels(width) is < 50 ? 0 : UnknownPicture;

    private static int? Pixels(string? value) => int.TryParse(value?.Replace("px", "", StringComparison.OrdinalIgnoreCase), NumberStyles.None, CultureInfo.InvariantCulture, out var pixels) ? pixels : null;

    /// <returns>Above and below together; null: it is no block.</returns>
    private static int? Margin(string name) => name switch
    {
        "p" or "blockquote" or "ul" or "ol" or "dl" or "pre" or "figure" => 28,
        "h1" => 56,
        "h2" or "h3" => 48,
        "h4" or "h5" or "h6" => 40,
        "div" or "li" or "dd" or "dt" or "address" or "article" or "aside" or "center" or "details" or "figcaption" or "footer" or "header" or "main" or "section" or "summary" or "table" or "caption" => 0,
        _ => null,
    };

    private sealed class Box(int charsInLine)
    {
        public int CharsInLine => charsInLine;
        public bool IsRow { get; init; }
        public double Height { get; private set; }
        public double Tallest { get; set; }
        public int Chars { get; set; }

        public void EndLine(bool blank = false)
        {
            if (Chars > 0 || blank) Height += LineHeight * Math.Max(1, (Chars + charsInLine - 1) / charsInLine);
            Chars = 0;
        }

        public void Add(double pixels)
        {
            EndLine();
            Height += pixels;
        }
    }
}
