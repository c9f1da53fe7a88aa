using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Imap;

namespace Postrider.Mail.Tests.Imap;

public sealed class ModifiedUtf7Tests
{
    [Theory]
    [InlineData("INBOX", "INBOX")]
    [InlineData("R&D", "R&-D")]
    [InlineData("Entwürfe", "Entw&APw-rfe")]
    [InlineData("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-")]
    [InlineData("😀", "&2D3eAA-")]
    public void Names_are_written_as_RFC_3501_has_them(string name, string wire)
    {
        Assert.Equal(wire, ModifiedUtf7.Encode(name));
        Assert.True(ModifiedUtf7.TryDecode(wire, out var decoded));
        Assert.Equal(name, decoded);
    }

    [Fact]
    public void Line_ends_in_a_name_do_not_reach_the_wire() => Assert.Equal("a&AA0ACg-b", ModifiedUtf7.Encode("a\r\nb"));

    [Theory]
    [InlineData("Entwürfe")]
    [InlineData("Tom & Jerry")]
    [InlineData("&ab")]
    [InlineData("&a-")]
    [InlineData("&AP*-")]
    [InlineData("a\u0001")]
    public void What_is_not_modified_UTF7_is_told_from_what_is(string wire) => Assert.False(ModifiedUtf7.TryDecode(wire, out _));

    [Fact]
    public void Every_name_survives_the_journey() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>().Filter(s => s is not null), name =>
        {
            var wire = ModifiedUtf7.Encode(name);
            return wire.All(c => c is >= ' ' and <= '~') && ModifiedUtf7.TryDecode(wire, out var decoded) && decoded == name;
        }).QuickCheckThrowOnFailure();
}
