using System.Text;
using Postrider.Conversations;
using Postrider.IncomingMail;
using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.Tests.Conversations;

/// <summary>Messages that came in, as a mailbox hands them over.</summary>
internal static class Mails
{
    private static uint last;

    /// <returns>The conversation it began or joined.</returns>
    public static async Task<Guid> TakeAsync(HubUnderTest hub, string message)
    {
        await hub.Service<Intake>().TakeAsync([new ArrivedMail(Guid.CreateVersion7(), "INBOX", 1, Interlocked.Increment(ref last), null, Encoding.UTF8.GetBytes(message))], _ => { }, TestContext.Current.CancellationToken);
        return (await hub.Service<HubDatabase>().ReadAsync(r => r.Query<Guid>("select conversation_id from thread_message order by created_at desc, id desc limit 1")))[0];
    }

    public static NewThreadMessage Message(string subject, string text) => new()
    {
        Id = new(Ids.New(TimeProvider.System)),
        Direction = MessageDirection.Incoming,
        Author = new NamedAddress("Ann", EmailAddress.Parse("ann@example.org")),
        To = [new NamedAddress(null, EmailAddress.Parse("sales@hub.example"))],
        Cc = [],
        Subject = subject,
        Text = text,
    };
}
