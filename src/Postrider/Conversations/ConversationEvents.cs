using Postrider.Journal;
using Postrider.Storage;

namespace Postrider.Conversations;

/// <summary>Tells open pages that a conversation changed, once the change is stored.</summary>
internal sealed class ConversationEvents(LiveEvents live)
{
    /// <summary>Of the list; a thread's page listens to <c>conversation/id</c>.</summary>
    public const string Topic = "conversation";

    public void Changed(HubTransaction tx, ConversationId conversation) => tx.AfterCommit(() =>
    {
        live.Publish(Topic);
        live.Publish($"{Topic}/{conversation}");
    });
}
