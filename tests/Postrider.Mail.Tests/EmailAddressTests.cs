using FsCheck;
using FsCheck.Fluent;

namespace Postrider.Mail.Tests;

public sealed class EmailAddressTests
{
    [Theory]
    [InlineData("ann@example.com", "ann", "example.com", "ann@example.com")]
    [InlineData("  Ann.Lee@Example.COM ", "Ann.Lee", "example.com", "Ann.Lee@example.com")]
    [InlineData("\"a b\"@example.com", "a b", "example.com", "\"a b\"@example.com")]
    [InlineData("\"a\\\"b@c\"@example.com", "a\"b@c", "example.com", "\"a\\\"b@c\"@example.com")]
    [InlineData("\"plain\"@example.com", "plain", "example.com", "plain@example.com")]
    [InlineData("o'neil+tag@sub.example.co.uk", "o'neil+tag", "sub.example.co.uk", "o'neil+tag@sub.example.co.uk")]
    [InlineData("ann@bücher.example", "ann", "bücher.example", "ann@xn--bcher-kva.example")]
    [InlineData("用户@例え.example", "用户", "例え.example", "用户@xn--r8jz45g.example")]
    [InlineData("\"a..b.\"@example.com", "a..b.", "example.com", "\"a..b.\"@example.com")]
    [InlineData("root@localhost", "root", "localhost", "root@localhost")]
    [InlineData("ann@[192.0.2.1]", "ann", "[192.0.2.1]", "ann@[192.0.2.1]")]
    [InlineData("ann@[IPv6:2001:db8::1]", "ann", "[ipv6:2001:db8::1]", "ann@[ipv6:2001:db8::1]")]
    public void Address_is_read_and_written_for_the_wire(string text, string localPart, string domain, string wire)
    {
        Assert.True(EmailAddress.TryParse(text, out var address));
        Assert.Equal(localPart, address.LocalPart);
        Assert.Equal(domain, address.Domain);
        Assert.Equal(wire, address.Wire);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("ann")]
    [InlineData("@example.com")]
    [InlineData("ann@")]
    [InlineData("ann@@example.com")]
    [InlineData("ann lee@example.com")]
    [InlineData(".ann@example.com")]
    [InlineData("ann.@example.com")]
    [InlineData("an..n@example.com")]
    [InlineData("ann@example..com")]
    [InlineData("ann@-example.com")]
    [InlineData("ann@example-.com")]
    [InlineData("ann@example.com.")]
    [InlineData("ann@exa mple.com")]
    [InlineData("ann@[999.1.1.1]")]
    [InlineData("ann@[IPv6:zz]")]
    [InlineData("<ann@example.com>")]
    [InlineData("ann@example.com, ben@example.com")]
    [InlineData("ann@example.com\r\nRCPT TO:<eve@example.net>")]
    [InlineData("ann@example.com\n")]
    [InlineData("\"a\r\nb\"@example.com")]
    [InlineData("\"a\0b\"@example.com")]
    [InlineData("ann\u0007@example.com")]
    [InlineData("ann\u202E@example.com")]
    [InlineData("\ud800@example.com")]
    [InlineData("ann@ex\ud800ample.com")]
    [InlineData("ann@℀.example")]
    [InlineData("\"unended@example.com")]
    public void What_is_no_address_is_refused(string? text)
    {
        Assert.False(EmailAddress.TryParse(text, out var address));
        Assert.Null(address);
    }

    [Theory]
    [InlineData(64, 255, true)]
    [InlineData(65, 200, false)]
    [InlineData(64, 256, false)]
    public void Limits_of_RFC_5321_are_in_octets(int local, int domain, bool allowed)
    {
        var labels = string.Join('.', Enumerable.Repeat(new string('d', 63), 4));
        var text = new string('l', local) + "@" + labels[..(domain - 4)] + ".com";
        Assert.Equal(allowed, EmailAddress.TryParse(text, out _));
        Assert.False(EmailAddress.TryParse(new string('ü', 33) + "@example.com", out _));
        Assert.True(EmailAddress.TryParse(new string('ü', 32) + "@example.com", out _));
        Assert.False(EmailAddress.TryParse("ann@" + new string('d', 64) + ".com", out _));
    }

    [Fact]
    public void Case_and_the_spelling_of_the_domain_do_not_make_another_address()
    {
        var address = EmailAddress.Parse("Ann@Bücher.example");
        Assert.Equal(address, EmailAddress.Parse("ann@xn--bcher-kva.EXAMPLE"));
        Assert.Equal("ann@xn--bcher-kva.example", address.Normalized);
        Assert.NotEqual(address, EmailAddress.Parse("ben@bücher.example"));
    }

    [Fact]
    public void Only_a_local_part_beyond_ASCII_needs_SMTPUTF8()
    {
        Assert.True(EmailAddress.Parse("jürgen@example.com").NeedsSmtpUtf8);
        Assert.False(EmailAddress.Parse("juergen@bücher.example").NeedsSmtpUtf8);
    }

    [Fact]
    public void What_is_accepted_parses_back_to_an_equal_address_and_cannot_end_a_line()
    {
        Prop.ForAll<string, string>((local, domain) =>
        {
            foreach (var text in new[] { $"{local}@{domain}", $"\"{local}\"@example.com", $"{local}@example.com", $"ann@{domain}.example" })
            {
                if (!EmailAddress.TryParse(text, out var address)) continue;
                Assert.Equal(address, EmailAddress.Parse(address.Wire));
                Assert.Equal(address, EmailAddress.Parse(address.Normalized));
                Assert.Equal(address, EmailAddress.Parse(address.ToString()));
                Assert.DoesNotContain(address.Wire, char.IsControl);
                Assert.True(System.Text.Ascii.IsValid(address.Wire) || address.NeedsSmtpUtf8);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }
}
