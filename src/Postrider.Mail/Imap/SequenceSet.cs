using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Postrider.Mail.Imap;

/// <summary>Sets of sequence numbers or UIDs (RFC 3501 section 9, <c>sequence-set</c>).</summary>
internal static class SequenceSet
{
    // RFC 7162 section 4 lets servers refuse lines of more than 8192 octets; the command's own words need some of them.
    public const int MaxChars = 6000;
    // A command names at most this many messages, so that its answer comes in portions the caller can stop between.
    public const int MaxNumbers = 1000;

    /// <summary>Cuts <paramref name="numbers"/> into sets, each short enough for one command. Neighbours become ranges; no number is named that was not given, since servers answer for all of a range.</summary>
    public static IEnumerable<(string Set, IReadOnlyList<uint> Numbers)> Cut(IEnumerable<uint> numbers)
    {
        var set = new StringBuilder();
        var members = new List<uint>();
        foreach (var (first, last) in Ranges(numbers.Distinct().Order()))
        {
            var from = first;
            while (true)
            {
                var room = (uint)(MaxNumbers - members.Count);
                var to = last - from >= room ? from + room - 1 : last;
                if (set.Length > 0) set.Append(',');
                set.Append(CultureInfo.InvariantCulture, $"{from}");
                if (to > from) set.Append(CultureInfo.InvariantCulture, $":{to}");
                for (var n = from; n <= to && n >= from; n++) members.Add(n);
                if (members.Count == MaxNumbers || set.Length > MaxChars - 24)
                {
                    yield return (set.ToString(), members);
                    set.Clear();
                    members = [];
                }
                if (to == last) break;
                from = to + 1;
            }
        }
        if (members.Count > 0) yield return (set.ToString(), members);
    }

    private static IEnumerable<(uint First, uint Last)> Ranges(IEnumerable<uint> ascending)
    {
        (uint First, uint Last)? open = null;
        foreach (var number in ascending)
        {
            if (number == 0) continue;
            if (open is { } o && number == o.Last + 1) open = (o.First, number);
            else
            {
                if (open is { } done) yield return done;
                open = (number, number);
            }
        }
        if (open is { } end) yield return end;
    }

    /// <summary>Reads a set as a client wrote it; <c>*</c> is kept as <see cref="uint.MaxValue"/> until <see cref="Resolve"/> is told the largest number in use.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, int maxRanges, [NotNullWhen(true)] out IReadOnlyList<(uint First, uint Last)>? ranges)
    {
        ranges = null;
        var found = new List<(uint, uint)>();
        while (true)
        {
            var comma = text.IndexOf((byte)',');
            var item = comma < 0 ? text : text[..comma];
            var colon = item.IndexOf((byte)':');
            if (!TryNumber(colon < 0 ? item : item[..colon], out var first)) return false;
            var last = first;
            if (colon >= 0 && !TryNumber(item[(colon + 1)..], out last)) return false;
            if (found.Count == maxRanges) return false;
            found.Add((first, last));
            if (comma < 0) break;
            text = text[(comma + 1)..];
        }
        ranges = found;
        return true;
    }

    /// <summary>The ranges in ascending order, merged, each from low to high.</summary>
    /// <param name="largest">What <c>*</c> stands for; zero in an empty mailbox, where nothing is left of the set.</param>
    public static IReadOnlyList<(uint First, uint Last)> Resolve(IReadOnlyList<(uint First, uint Last)> ranges, uint largest)
    {
        if (largest == 0) return [];
        var merged = new List<(uint First, uint Last)>(ranges.Count);
        // RFC 3501 section 9: the ends may come in either order, and "*" may be below the other end.
        foreach (var (first, last) in ranges
            .Select(r => (A: r.First == uint.MaxValue ? largest : r.First, B: r.Last == uint.MaxValue ? largest : r.Last))
            .Select(r => (First: Math.Min(r.A, r.B), Last: Math.Max(r.A, r.B)))
            .OrderBy(r => r.First))
        {
            if (merged.Count > 0 && first <= merged[^1].Last) merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            else merged.Add((first, last));
        }
        return merged;
    }

    /// <param name="resolved">As <see cref="Resolve"/> returns it.</param>
    public static bool Contains(IReadOnlyList<(uint First, uint Last)> resolved, uint number)
    {
        var (low, high) = (0, resolved.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (number < resolved[middle].First) high = middle - 1;
            else if (number > resolved[middle].Last) low = middle + 1;
            else return true;
        }
        return false;
    }

    private static bool TryNumber(ReadOnlySpan<byte> text, out uint number)
    {
        number = uint.MaxValue;
        if (text is [(byte)'*']) return true;
        return Utf8Parser.TryParse(text, out number, out var digits) && digits == text.Length && number != 0 && text[0] is >= (byte)'0' and <= (byte)'9';
    }
}
