using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Imap;

namespace Postrider.Mail.Tests.Imap;

public sealed class ImapEnvelopeAddressesTests
{
    [Theory]
    [InlineData("ann@example.com, Ben <ben@example.com>", "(,,ann,example.com)(Ben,,ben,example.com)")]
    [InlineData("\"Bakery, Meadow: Ltd;\" <a@b.example>", "(Bakery, Meadow: Ltd;,,a,b.example)")]
    [InlineData("friends: a@b.example, c@d.example;, e@f.example", "(,,friends,)(,,a,b.example)(,,c,d.example)(,,,)(,,e,f.example)")]
    [InlineData("undisclosed-recipients:;", "(,,undisclosed-recipients,)(,,,)")]
    [InlineData("open: a@b.example", "(,,open,)(,,a,b.example)(,,,)")]
    [InlineData("<@one.example,@two.example:a@b.example>", "(,@one.example,@two.example,a,b.example)")]
    [InlineData("", "")]
    [InlineData(", ,", "")]
    [InlineData("a@b.example (with, comma: (and) \\) more)", "(with, comma: (and) ) more,,a,b.example)")]
    public void Addresses_and_groups_are_kept_apart(string field, string expected) => Assert.Equal(expected, Show(ImapEnvelopeAddresses.Read(field)));

    [Fact]
    public void Whatever_a_field_holds_every_group_that_begins_ends() =>
        Prop.ForAll(Gen.ArrayOf(Gen.Elements("ab@.<>()\",:;\\ ".ToCharArray())).ToArbitrary(), field =>
        {
            var read = ImapEnvelopeAddresses.Read(new string(field));
            return read.Count(a => a.Host is null && a.Mailbox is not null) == read.Count(a => a.Mailbox is null);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));

    private static string Show(IEnumerable<ImapEnvelopeAddress> addresses) => string.Concat(addresses.Select(a => $"({a.Name},{a.Route},{a.Mailbox},{a.Host})"));
}
