using System.Globalization;

namespace Postrider.Sandbox.Portal.Parts;

/// <summary>The one or two letters that stand for a name in a round mark.</summary>
internal static class Initials
{
    /// <returns>"?" for a name without letters or digits. Text elements, not chars: a name may begin outside the BMP.</returns>
    public static string Of(string name)
    {
        var words = name.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(word => char.IsLetterOrDigit(word, 0)).ToArray();
        return words.Length switch
        {
            0 => "?",
            1 => First(words[0]),
            _ => First(words[0]) + First(words[^1]),
        };
    }

    private static string First(string word) => StringInfo.GetNextTextElement(word).ToUpperInvariant();
}
