using Postrider.OutgoingMail;
using Postrider.Settings;
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
        .AddSingleton<InboxStore>()
        .AddSingleton<HubAddressBook>()
        .AddSingleton<InboxRegister>()
        .AddSingleton<IParameterRule, AliasInTheWay>()
        .AddSingleton<ReplyTokens>()
        .AddSingleton<IMenuEntry, AliasesMenu>()
        .AddSingleton<IMenuEntry, InboxesMenu>()
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
        AliasesApi.Map(app);
    }

    private sealed class AliasesMenu : IMenuEntry
    {
        public string Section => "Technical";
        public string Group => "Email";
        public string Text => AliasesTexts.AliasesTitle;
        public string Href => "/aliases";
        public string Icon => "at";
        public int Order => 25;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
    }

    private sealed class InboxesMenu : IMenuEntry
    {
        public string Section => "Technical";
        public string Group => "Email";
        public string Text => AliasesTexts.InboxesTitle;
        public string Href => "/inboxes";
        public string Icon => "inbox";
        public int Order => 26;
        public bool Shown(ViewerContext context) => context.Viewer.IsSettings;
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
