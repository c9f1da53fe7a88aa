using System.Net;
using Postrider.Settings;

namespace Postrider.Tests.Submission;

public sealed class TrustedNetworksTests
{
    [Theory]
    [InlineData("192.0.2.10", "Scanner")]
    [InlineData("192.0.2.11", null)]
    [InlineData("198.51.100.77", "Printers")]
    [InlineData("::ffff:198.51.100.77", "Printers")]
    [InlineData("2001:db8::5", "Lab")]
    [InlineData("2001:db9::5", null)]
    public void An_address_has_the_name_of_the_network_it_lies_in(string address, string? name)
    {
        Assert.True(TrustedNetworks.TryParse("192.0.2.10=Scanner, 198.51.100.0/24=Printers,2001:db8::/32=Lab", out var networks));
        Assert.Equal(name, networks.NameOf(IPAddress.Parse(address)));
    }

    [Theory]
    [InlineData("192.0.2.10")]
    [InlineData("192.0.2.10=")]
    [InlineData("printer.example=Printer")]
    [InlineData("0.0.0.0/0=Everybody")]
    [InlineData("::/0=Everybody")]
    public void What_is_no_network_with_a_name_or_is_the_world_is_refused(string text)
    {
        Assert.False(TrustedNetworks.TryParse(text, out _));
        Assert.NotNull(KnownParameter.Check(KnownParameter.TrustedSubmitters, text));
    }
}
