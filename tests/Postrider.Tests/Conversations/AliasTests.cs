using Postrider.Conversations;
using Postrider.Mail;

namespace Postrider.Tests.Conversations;

public sealed class AliasTests
{
    [Theory]
    [InlineData("Sales", "sales", "")]
    [InlineData("Büro Süd", "buro-sud", "")]
    [InlineData("Straße", "strasse", "")]
    [InlineData("sales@Example.com", "sales", "Example.com")]
    [InlineData("..a..b..", "a.b", "")]
    [InlineData("a  b / c", "a-b-/-c", "")]
    [InlineData("jobs+2026", "jobs+2026", "")]
    [InlineData("<script>", "-script-", "")]
    [InlineData("日本", "", "")]
    [InlineData("   ", "", "")]
    [InlineData(null, "", "")]
    [InlineData("a\r\nb", "a-b", "")]
    public void What_a_person_types_becomes_the_part_before_the_at(string? typed, string name, string domain) => Assert.Equal((name, domain), AliasName.Of(typed));

    [Theory]
    [InlineData("sales", null, null)]
    [InlineData("sales", "bücher.example", null)]
    [InlineData("catchall", "example.com", "name")]
    [InlineData("Catchall", "", "name")]
    [InlineData("bounce", "example.com", "name")]
    [InlineData("catchall", "other.example", null)]
    [InlineData("sales", "nodots", "domain")]
    [InlineData("sales", "a@b.example", "domain")]
    [InlineData("日本", "example.com", "name")]
    public void What_cannot_be_an_alias_is_refused_at_its_field(string name, string? domain, string? wrong)
    {
        var (settings, errors) = AliasSettings.Check(new AliasDraft(name, domain, Guid.NewGuid(), null, null, null), EmailAddress.Parse("catchall@example.com"), EmailAddress.Parse("bounce@example.com"));
        Assert.Equal(wrong, errors.Keys.FirstOrDefault());
        Assert.Equal(wrong is null, settings is not null);
        if (domain == "bücher.example") Assert.Equal("xn--bcher-kva.example", settings!.Domain);
    }

    [Theory]
    [InlineData("partners", ContactRule.KnownContacts)]
    [InlineData("known-contacts", ContactRule.KnownContacts)]
    [InlineData("Followers", ContactRule.Followers)]
    [InlineData(null, ContactRule.Everyone)]
    [InlineData("nobody", null)]
    public void Rules_go_by_their_words(string? word, ContactRule? rule) => Assert.Equal(rule, ContactRules.Read(word));
}
