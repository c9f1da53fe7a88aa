using System.Security.Cryptography;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

public sealed class MessageIdSourceTests
{
    [Fact]
    public void An_id_can_be_written_and_comes_from_the_chance_that_was_handed_in()
    {
        var domain = EmailAddress.Parse("ann@b\u00fccher.example");
        var ids = new MessageIdSource(domain, new Random(1).NextBytes);
        var id = ids.Next();
        Assert.Matches("^[A-Za-z0-9_-]{24}@xn--bcher-kva.example$", id);
        Assert.NotEqual(id, ids.Next());
        Assert.Equal(id, new MessageIdSource(domain, new Random(1).NextBytes).Next());
        var draft = new MessageDraft { From = new NamedAddress(null, domain), Date = default, MessageId = new MessageIdSource(domain, RandomNumberGenerator.Fill).Next() };
        Assert.Equal(draft.MessageId, MimeMessage.Read(draft.Write()).MessageId);
    }
}
