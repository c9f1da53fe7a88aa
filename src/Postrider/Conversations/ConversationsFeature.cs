using Postrider.OutgoingMail;
using Postrider.Web;

namespace Postrider.Conversations;

internal static class ConversationsFeature
{
    public static IServiceCollection AddConversations(this IServiceCollection services) => services
        .AddSingleton<ConversationStore>()
        .AddSingleton<ConversationEvents>()
        .AddSingleton<ConversationReading>()
        .AddSingleton<Correspondence>()
        .AddSingleton<IOutboxListener, DeliveryListener>()
        .AddSingleton<IMenuEntry, ConversationsMenu>();

    public static void MapConversations(this WebApplication app)
    {
        ConversationsApi.Map(app);
        MessageContent.Map(app);
    }

    private sealed class ConversationsMenu : IMenuEntry
    {
        public string Section => "Discuss";
        public string Text => ConversationsTexts.Title;
        public string Href => "/conversations";
        public string Icon => "messages";
        public int Order => 10;
        public bool Shown(ViewerContext context) => true;
    }
}
