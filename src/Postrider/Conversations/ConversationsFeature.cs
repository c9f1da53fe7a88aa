using Postrider.OutgoingMail;
using Postrider.Web;

namespace Postrider.Conversations;

internal static class ConversationsFeature
{
    public static IServiceCollection AddConversations(this IServiceCollection services) => services
        .AddSingleton<ConversationStore>()
        .AddSingleton<ConversationEvents>()
        .AddSingleton<ConversationReading>()
        .AddSingleton<ConversationDesk>()
        .AddSingleton<ContactStore>()
        .AddSingleton<Contacts>()
        .AddSingleton<DraftStore>()
        .AddSingleton<Drafts>()
        .AddSingleton<PictureLinks>()
        .AddSingleton<Correspondence>()
        .AddSingleton<IOutboxListener, DeliveryListener>()
        .AddSingleton<IMenuEntry, ConversationsMenu>()
        .AddSingleton<IMenuEntry, ContactsMenu>()
        .AddSingleton<ITopPart, BellPart>();

    public static void MapConversations(this WebApplication app)
    {
        ConversationsApi.Map(app);
        DraftsApi.Map(app);
        ContactsApi.Map(app);
        DraftForms.Map(app);
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

    private sealed class ContactsMenu : IMenuEntry
    {
        public string Section => "Discuss";
        public string Text => ConversationsTexts.ContactsTitle;
        public string Href => "/contacts";
        public string Icon => "users";
        public int Order => 11;
        public bool Shown(ViewerContext context) => true;
    }

    private sealed class BellPart : ITopPart
    {
        public Type Component => typeof(Bell);
        public int Order => 10;
    }
}
