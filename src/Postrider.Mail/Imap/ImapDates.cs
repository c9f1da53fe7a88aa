using System.Globalization;

namespace Postrider.Mail.Imap;

/// <summary>Dates of RFC 3501 section 9.</summary>
internal static class ImapDates
{
    private static readonly string[] InternalForms = ["d-MMM-yyyy HH:mm:ss zzz", " d-MMM-yyyy HH:mm:ss zzz", "dd-MMM-yyyy HH:mm:ss zzz"];

    /// <summary><c>date-time</c> without its quotes. Null when it is none.</summary>
    public static DateTimeOffset? ReadInternal(string? text) =>
        DateTimeOffset.TryParseExact(text, InternalForms, CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : null;

    public static string WriteInternal(DateTimeOffset date)
    {
        var offset = date.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal);
        return date.ToString("dd-MMM-yyyy HH:mm:ss ", CultureInfo.InvariantCulture) + offset;
    }

    /// <summary><c>date</c>, as SEARCH has it.</summary>
    public static DateOnly? ReadDay(string? text) =>
        DateOnly.TryParseExact(text, ["d-MMM-yyyy", "dd-MMM-yyyy"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : null;

    public static string WriteDay(DateOnly day) => day.ToString("d-MMM-yyyy", CultureInfo.InvariantCulture);
}
