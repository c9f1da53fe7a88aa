using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Imap;

namespace Postrider.Mail.Tests.Imap;

public sealed class SequenceSetTests
{
    [Fact]
    public void Neighbours_become_ranges_and_nothing_is_named_that_was_not_given() =>
        Assert.Equal("1:3,7,9:10", Assert.Single(SequenceSet.Cut([10, 1, 2, 3, 9, 7, 7])).Set);

    [Fact]
    public void A_long_list_is_cut_into_commands_that_servers_take()
    {
        var uids = Enumerable.Range(1, 50_000).Select(i => (uint)(4_000_000_000 + i * 2)).ToList();
        var sets = SequenceSet.Cut(uids).ToList();
        Assert.Equal(uids, sets.SelectMany(s => s.Numbers));
        Assert.All(sets, s => Assert.InRange(s.Set.Length, 1, SequenceSet.MaxChars));
    }

    [Fact]
    public void The_largest_number_there_is_ends_the_list() =>
        Assert.Equal([("4294967294:4294967295", 2)], SequenceSet.Cut([uint.MaxValue, uint.MaxValue - 1]).Select(s => (s.Set, s.Numbers.Count)));

    [Theory]
    [InlineData("2:4", 10, new uint[] { 2, 3, 4 })]
    [InlineData("4:2", 10, new uint[] { 2, 3, 4 })]
    [InlineData("9:*", 10, new uint[] { 9, 10 })]
    [InlineData("*", 10, new uint[] { 10 })]
    [InlineData("20:*", 10, new uint[] { 10 })]
    [InlineData("1,3:4,4:5", 10, new uint[] { 1, 3, 4, 5 })]
    [InlineData("1:*", 0, new uint[0])]
    public void A_set_holds_what_RFC_3501_says(string text, uint largest, uint[] expected)
    {
        Assert.True(SequenceSet.TryParse(Encoding.ASCII.GetBytes(text), 100, out var ranges));
        var set = SequenceSet.Resolve(ranges, largest);
        Assert.Equal(expected, Enumerable.Range(1, (int)largest).Select(i => (uint)i).Where(n => SequenceSet.Contains(set, n)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("1,")]
    [InlineData("1:")]
    [InlineData(":1")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("1:2:3")]
    [InlineData("4294967296")]
    public void Nonsense_is_refused(string text) => Assert.False(SequenceSet.TryParse(Encoding.ASCII.GetBytes(text), 100, out _));

    [Fact]
    public void More_ranges_than_allowed_are_refused() => Assert.False(SequenceSet.TryParse("1,3,5"u8, 2, out _));

    [Fact]
    public void What_is_cut_and_read_again_holds_the_same_numbers() =>
        Prop.ForAll(ArbMap.Default.ArbFor<uint[]>(), numbers =>
        {
            var given = numbers.Where(n => n is > 0 and < uint.MaxValue).ToHashSet();
            foreach (var (text, members) in SequenceSet.Cut(numbers.Where(n => n < uint.MaxValue)))
            {
                if (!SequenceSet.TryParse(Encoding.ASCII.GetBytes(text), 10_000, out var ranges)) return false;
                var set = SequenceSet.Resolve(ranges, uint.MaxValue - 1);
                if (!members.All(m => SequenceSet.Contains(set, m) && given.Remove(m)) || given.Any(g => SequenceSet.Contains(set, g))) return false;
            }
            return given.Count == 0;
        }).QuickCheckThrowOnFailure();
}
