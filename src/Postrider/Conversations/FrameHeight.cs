namespace Postrider.Conversations;

/// <summary>How tall the frame of an HTML message is. It cannot tell: nothing runs inside, and its page cannot look in.</summary>
internal static class FrameHeight
{
    public const int Classes = 6;
    // Line counts up to which each class is tall enough; the heights stand in MessageCard.razor.css.
    private static readonly int[] Lines = [5, 10, 18, 30, 50];
    private const int CharsPerLine = 90;

    /// <returns>From 1 to <see cref="Classes"/>.</returns>
    public static int ClassOf(string? text)
    {
        var lines = 0;
        foreach (var line in (text ?? "").AsSpan().EnumerateLines())
        {
            lines += 1 + (line.Length / CharsPerLine);
            if (lines > Lines[^1]) return Classes;
        }
        return Array.FindIndex(Lines, most => lines <= most) + 1;
    }
}
