using Postrider.Mail;
using Postrider.OutgoingServers;

namespace Postrider.Tests.OutgoingServers;

public sealed class FromFilterTests
{
    [Theory]
    [InlineData("ann@example.com", "ann@example.com", true)]
    [InlineData("ann@example.com", "ANN@Example.COM", true)]
    [InlineData("ann@example.com", "ben@example.com", false)]
    [InlineData("example.com", "ben@EXAMPLE.com", true)]
    [InlineData("example.com", "ben@mail.example.com", false)]
    [InlineData(" ann@example.org ,, example.com ", "ben@example.com", true)]
    [InlineData("bücher.example", "a@xn--bcher-kva.example", true)]
    [InlineData("xn--bcher-kva.example", "a@bücher.example", true)]
    [InlineData("", "anybody@anywhere.example", true)]
    [InlineData("  , ", "anybody@anywhere.example", true)]
    [InlineData("Ann <ann@example.com>, example.org", "ann@example.com", true)]
    [InlineData("Ann <ann@example.com>, example.org", "ben@example.com", false)]
    [InlineData("not a domain", "anybody@anywhere.example", false)]
    public void Admits(string filter, string sender, bool admitted) => Assert.Equal(admitted, FromFilter.Parse(filter).Admits(EmailAddress.Parse(sender)));

    [Theory]
    [InlineData("ann@example.com, example.org", null)]
    [InlineData("Ann <ann@example.com>", null)]
    [InlineData("", null)]
    [InlineData("@example.com", "without @")]
    [InlineData("*.example.com", "wildcards")]
    [InlineData("ann@@example.com", "neither")]
    [InlineData("exam ple.com", "neither")]
    public void Says_what_is_wrong(string filter, string? wrong)
    {
        var said = FromFilter.WhatIsWrong(filter);
        if (wrong is null) Assert.Null(said);
        else Assert.Contains(wrong, said, StringComparison.Ordinal);
    }
}
