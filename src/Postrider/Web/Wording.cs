using System.Globalization;

namespace Postrider.Web;

internal static class Wording
{
    /// <summary>Fills the places <c>{0}</c>, <c>{1}</c> of a text from a resx.</summary>
#pragma warning disable CA1863 // The texts are many and short; none is filled in a loop.
    public static string With(this string text, params object?[] values) => string.Format(CultureInfo.CurrentCulture, text, values);
#pragma warning restore CA1863
}
