using System.Globalization;

namespace Postrider.Mail.Mime;

/// <summary>Dates of RFC 5322 section 3.3 and 4.3, and the orders and zones that are seen besides.</summary>
internal static class DateReader
{
    private static readonly string[] Months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

    /// <returns>Null when there is no day, month and year to be had. Without a time it is midnight, without a zone UTC.</returns>
    public static DateTimeOffset? Read(string? text)
    {
        if (text is null || text.Length > 500) return null;
        int? day = null, month = null, year = null;
        var time = TimeSpan.Zero;
        TimeSpan? zone = null;
        var timeSeen = false;
        foreach (var word in Words(text))
        {
            if (word.Contains(':') && !timeSeen)
            {
                var glued = word.IndexOfAny(['+', '-']); // 00:01+0000
                if (!ReadTime(glued < 0 ? word : word[..glued], out time)) return null;
                if (glued > 0) zone = ReadZone(word[glued..]);
                timeSeen = true;
            }
            else if (month is null && ReadMonth(word) is { } m) month = m;
            else if (timeSeen && zone is null && ReadZone(word) is { } z) zone = z;
            else if (int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                if (day is null && (word.Length <= 2 || word[0] == '0') && number is >= 1 and <= 31) day = number;
                else year ??= FullYear(number, word.Length);
            }
        }
        if (day is null || month is null || year is not (>= 1 and <= 9999)) return null;
        if (day > DateTime.DaysInMonth(year.Value, month.Value)) return null;
        var local = new DateTime(year.Value, month.Value, day.Value, 0, 0, 0, DateTimeKind.Unspecified) + time;
        var offset = zone ?? TimeSpan.Zero;
        var utc = local.Ticks - offset.Ticks;
        if (utc < DateTime.MinValue.Ticks || utc > DateTime.MaxValue.Ticks) return null;
        // DateTimeOffset holds no zone beyond 14 hours; the instant is kept then.
        return Math.Abs(offset.TotalHours) > 14 ? new DateTimeOffset(utc, TimeSpan.Zero) : new DateTimeOffset(local, offset);
    }

    // RFC 5322 section 4.3: two digits below 50 are 20xx, other two and three digits count from 1900.
    private static int FullYear(int number, int digits) => digits switch
    {
        <= 2 => number < 50 ? 2000 + number : 1900 + number,
        3 => 1900 + number,
        _ => number,
    };

    /// <summary>Comments dropped; commas and white space separate, and a hyphen does inside 02-Jan-2006.</summary>
    private static List<string> Words(string text)
    {
        var words = new List<string>(8);
        var depth = 0;
        var from = -1;
        for (var i = 0; i <= text.Length; i++)
        {
            var c = i < text.Length ? text[i] : ' ';
            if (c == '(') depth++;
            var hyphen = c == '-' && from >= 0 && !text.AsSpan(from, i - from).Contains(':') && words.Count < 4 && !text.AsSpan(from, i - from).StartsWith("GMT", StringComparison.OrdinalIgnoreCase);
            if (depth == 0 && !char.IsWhiteSpace(c) && c != ',' && !hyphen)
            {
                if (from < 0) from = i;
            }
            else if (from >= 0)
            {
                words.Add(text[from..i]);
                from = -1;
            }
            if (c == ')' && depth > 0) depth--;
        }
        return words;
    }

    private static int? ReadMonth(string word)
    {
        if (word.Length < 3) return null;
        for (var m = 0; m < Months.Length; m++) if (word.StartsWith(Months[m], StringComparison.OrdinalIgnoreCase)) return m + 1;
        return null;
    }

    private static bool ReadTime(string word, out TimeSpan time)
    {
        time = default;
        var parts = word.Split(':');
        if (parts.Length is < 2 or > 3) return false;
        if (!Number(parts[0], out var hour) || !Number(parts[1], out var minute)) return false;
        var second = 0;
        if (parts.Length == 3 && !Number(parts[2].Split('.')[0], out second)) return false;
        if (hour > 23 || minute > 59 || second > 60) return false;
        time = new TimeSpan(hour, minute, Math.Min(second, 59)); // a leap second is the last one before it
        return true;

        static bool Number(string digits, out int number) => int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static TimeSpan? ReadZone(string word)
    {
        if (word.StartsWith("GMT", StringComparison.OrdinalIgnoreCase) || word.StartsWith("UTC", StringComparison.OrdinalIgnoreCase))
        {
            if (word.Length == 3) return TimeSpan.Zero;
            word = word[3..].Replace(":", "", StringComparison.Ordinal);
        }
        if (word is ['+' or '-', ..])
        {
            if (!int.TryParse(word.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var digits) || word.Length is not (3 or 5)) return null;
            var minutes = word.Length == 3 ? digits * 60 : digits / 100 * 60 + digits % 100;
            if (minutes >= 24 * 60) return TimeSpan.Zero;
            return TimeSpan.FromMinutes(word[0] == '-' ? -minutes : minutes);
        }
        return word.ToUpperInvariant() switch
        {
            "UT" or "Z" => TimeSpan.Zero,
            "EDT" => TimeSpan.FromHours(-4),
            "EST" or "CDT" => TimeSpan.FromHours(-5),
            "CST" or "MDT" => TimeSpan.FromHours(-6),
            "MST" or "PDT" => TimeSpan.FromHours(-7),
            "PST" => TimeSpan.FromHours(-8),
            // RFC 5322 section 4.3: other letters were used both ways round, so they say nothing.
            _ when word.All(char.IsAsciiLetter) && word.Length <= 5 => TimeSpan.Zero,
            _ => null,
        };
    }
}
