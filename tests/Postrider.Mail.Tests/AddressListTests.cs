using FsCheck;
using FsCheck.Fluent;

namespace Postrider.Mail.Tests;

public sealed class AddressListTests
{
    [Theory]
    [InlineData("ann@example.com", "ann@example.com")]
    [InlineData("Ann Lee <ann@example.com>", "Ann Lee|ann@example.com")]
    [InlineData("\"Lee, Ann\" <ann@example.com>, ben@example.org", "Lee, Ann|ann@example.com;ben@example.org")]
    [InlineData("ann@example.com (Ann Lee)", "Ann Lee|ann@example.com")]
    [InlineData("ann@example.com (Ann (of sales) Lee)", "Ann (of sales) Lee|ann@example.com")]
    [InlineData("Ann (sales) Lee <ann@example.com>", "Ann Lee|ann@example.com")]
    [InlineData("\"Ann \\\"The\\\" Lee\" <ann@example.com>", "Ann \"The\" Lee|ann@example.com")]
    [InlineData("<@relay.example,@other.example:ann@example.com>", "ann@example.com")]
    [InlineData("Team: ann@example.com, \"B\" <ben@example.org>;, carl@example.net", "ann@example.com;B|ben@example.org;carl@example.net")]
    [InlineData("undisclosed-recipients:;", "")]
    [InlineData("Empty:; , ann@example.com", "ann@example.com")]
    [InlineData("ann . lee @ example . com", "ann.lee@example.com")]
    [InlineData("Ann <ann (comment) . lee @ example.com>", "Ann|ann.lee@example.com")]
    [InlineData(",, ann@example.com,,", "ann@example.com")]
    [InlineData("ann@example.com; ben@example.org", "ann@example.com;ben@example.org")]
    [InlineData("=?utf-8?q?J=C3=BCrgen?= =?utf-8?q?_Gro=C3=9F?= <jg@example.com>", "Jürgen Groß|jg@example.com")]
    [InlineData("\"=?utf-8?b?SsO8cmdlbg==?=\" <jg@example.com>", "Jürgen|jg@example.com")]
    [InlineData("jg@example.com (=?iso-8859-1?q?J=FCrgen?=)", "Jürgen|jg@example.com")]
    [InlineData("Jürgen <jürgen@bücher.example>", "Jürgen|jürgen@bücher.example")]
    [InlineData("ann@[IPv6:2001:db8::1], ben@[192.0.2.1]", "ann@[ipv6:2001:db8::1];ben@[192.0.2.1]")]
    [InlineData("\"a@b\"@example.com", "\"a@b\"@example.com")]
    [InlineData("phone..user.@example.com", "\"phone..user.\"@example.com")]
    [InlineData("Ann\r\n <ann@example.com>,\r\n\tben@example.org", "Ann|ann@example.com;ben@example.org")]
    public void Addresses_are_read(string text, string expected)
    {
        var list = AddressList.Parse(text);
        Assert.Equal(expected, Shown(list));
        Assert.Empty(list.Defects);
    }

    [Theory]
    [InlineData("Ann Lee ann@example.com", "Ann Lee|ann@example.com")]
    [InlineData("ann@example.com ben@example.org", "ann@example.com;ben@example.org")]
    [InlineData("Ann <ann@example.com", "Ann|ann@example.com")]
    [InlineData("Ann <mailto:ann@example.com>, mailto:ben@example.org, <ann@example.com", "Ann|ann@example.com;ben@example.org;ann@example.com")]
    [InlineData("Ann <ann@example.com, ben@example.org", "Ann|ann@example.com;ben@example.org")]
    [InlineData("Ann <ann@example.com> <eve@example.net>", "Ann|ann@example.com")]
    [InlineData("MAILER-DAEMON, ann@example.com", "ann@example.com")]
    [InlineData("Lee, Ann <ann@example.com>", "Ann|ann@example.com")]
    [InlineData("\"Ann <ann@example.com>", "")]
    [InlineData("ann@example.com (no end", "no end|ann@example.com")]
    [InlineData("ann@example.com@example.net", "")]
    [InlineData("Ann <ann lee@example.com>", "")]
    [InlineData("ann@exa mple.com", "ann@exa")]
    public void What_is_broken_is_read_as_far_as_it_can_be_and_said(string text, string expected)
    {
        var list = AddressList.Parse(text);
        Assert.Equal(expected, Shown(list));
        Assert.NotEmpty(list.Defects);
    }

    [Fact]
    public void Nothing_gives_nothing()
    {
        Assert.Empty(AddressList.Parse(null).Addresses);
        Assert.Empty(AddressList.Parse("").Addresses);
        Assert.Empty(AddressList.Parse("  ,").Defects);
    }

    [Fact]
    public void The_address_in_a_name_is_not_the_address()
    {
        var list = AddressList.Parse("\"ceo@example.com\" <eve@evil.example>, ceo@example.com <eve@evil.example>, =?utf-8?q?ceo=40example.com=3E=2C?= <eve@evil.example>");
        Assert.Equal(3, list.Addresses.Count);
        Assert.All(list.Addresses, a => Assert.Equal("eve@evil.example", a.Address.Wire));
        Assert.Equal("ceo@example.com>,", list.Addresses[2].Name);
    }

    [Fact]
    public void An_encoded_name_cannot_smuggle_in_a_line()
    {
        var name = AddressList.Parse("=?utf-8?q?Ann=0D=0ABcc:_eve?= <ann@example.com>").Addresses[0].Name!;
        Assert.DoesNotContain(name, char.IsControl);
    }

    [Fact]
    public void Whatever_is_read_can_be_stored_and_read_again()
    {
        var piece = Gen.OneOf(
            Gen.Elements("ann", "a.b.", "..", "@", "example.com", "bücher.example", "[192.0.2.1]", "[IPv6:::1]", "<", ">", "\"", "\\", "(", ")", ",", ";", ":", " ", "\r\n ", "=?utf-8?q?=22=3E?=", "=?", "\0", "\ud800", "\u202E", "用户", "%", "'", "mailto:", "@relay:"),
            ArbMap.Default.GeneratorFor<char>().Select(c => c.ToString()));
        Prop.ForAll(piece.ListOf().Select(pieces => string.Concat(pieces)).ToArbitrary(), text =>
        {
            foreach (var (name, address) in AddressList.Parse(text + " Ann <" + text + "@example.com>, \"" + text + "\"@example.com").Addresses)
            {
                Assert.Equal(address, EmailAddress.Parse(address.Wire));
                Assert.Equal(address, EmailAddress.Parse(address.Normalized));
                Assert.Equal(address, EmailAddress.Parse(address.ToString()));
                Assert.DoesNotContain(address.Wire + name, char.IsControl);
                Assert.Equal(address, Assert.Single(AddressList.Parse(address.Wire).Addresses).Address);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
    }

    [Fact]
    public void Named_address_is_shown_with_its_quotes_escaped()
    {
        Assert.Equal("\"Ann \\\"A\\\" Lee\" <ann@example.com>", new NamedAddress("Ann \"A\" Lee", EmailAddress.Parse("ann@example.com")).ToString());
        Assert.Equal("ann@example.com", new NamedAddress(null, EmailAddress.Parse("ann@example.com")).ToString());
    }

    private static string Shown(AddressList list) => string.Join(';', list.Addresses.Select(a => (a.Name is null ? "" : a.Name + "|") + a.Address));
}
