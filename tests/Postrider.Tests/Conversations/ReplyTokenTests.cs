using System.Security.Cryptography;
using Postrider.Conversations;
using Postrider.Mail;

namespace Postrider.Tests.Conversations;

public sealed class ReplyTokenTests
{
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);
    private static readonly Guid Mail = Guid.CreateVersion7();

    [Fact]
    public void An_address_of_ours_names_its_mail_also_in_another_case()
    {
        var address = ReplyToken.AddressFor(Key, Mail, EmailAddress.Parse("notifications@hub.example"))!;
        Assert.StartsWith("notifications+", address.LocalPart, StringComparison.Ordinal);
        Assert.InRange(address.LocalPart.Length, 40, 64);
        Assert.Equal(Mail, ReplyToken.Read(Key, address));
        Assert.Equal(Mail, ReplyToken.Read(Key, EmailAddress.Parse(address.ToString().ToUpperInvariant())));
    }

    [Fact]
    public void Any_other_character_makes_it_nobodys()
    {
        var address = ReplyToken.AddressFor(Key, Mail, EmailAddress.Parse("c@hub.example"))!;
        var local = address.LocalPart;
        for (var at = 2; at < local.Length; at++)
        {
            foreach (var c in "a7z2")
            {
                if (local[at] == c) continue;
                Assert.Null(ReplyToken.Read(Key, EmailAddress.Parse(local[..at] + c + local[(at + 1)..] + "@hub.example")));
            }
        }

        Assert.Null(ReplyToken.Read(RandomNumberGenerator.GetBytes(32), address));
        Assert.Null(ReplyToken.Read(Key, EmailAddress.Parse(local[..^1] + "@hub.example")));
        Assert.Null(ReplyToken.Read(Key, EmailAddress.Parse(local + "a@hub.example")));
        Assert.Null(ReplyToken.Read(Key, EmailAddress.Parse("c@hub.example")));
        Assert.Null(ReplyToken.Read(Key, EmailAddress.Parse("c+" + new string('1', 42) + "@hub.example")));
    }

    [Fact]
    public void Where_there_is_no_room_for_a_token_there_is_none()
    {
        Assert.Null(ReplyToken.AddressFor(Key, Mail, EmailAddress.Parse(new string('x', 30) + "@hub.example")));
        Assert.Null(ReplyToken.AddressFor(Key, Mail, EmailAddress.Parse("a+b@hub.example")));
    }
}
