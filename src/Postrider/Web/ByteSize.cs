using System.Globalization;

namespace Postrider.Web;

/// <summary>Sizes for people, one language for the whole hub: 1 KB is 1024 bytes and 1 MB 1024 KB, as mail programs, Exchange and the limits of this hub count.</summary>
internal static class ByteSize
{
    private const double Kilo = 1024, Mega = Kilo * 1024, Giga = Mega * 1024;

    /// <summary>Such as <c>1.2 MB</c>: one digit after the point, none where it would be a zero.</summary>
    /// <param name="culture">Null: the reader's.</param>
    public static string Of(long bytes, CultureInfo? culture = null) => bytes switch
    {
        < 1024 => $"{bytes} B",
        // What would be rounded to 1024 of one unit is 1 of the next.
        < (long)(1023.95 * Kilo) => Words(bytes / Kilo, "KB", culture),
        < (long)(1023.95 * Mega) => Words(bytes / Mega, "MB", culture),
        _ => Words(bytes / Giga, "GB", culture),
    };

    private static string Words(double number, string unit, CultureInfo? culture) => string.Create(culture ?? CultureInfo.CurrentCulture, $"{number:0.#} {unit}");
}
