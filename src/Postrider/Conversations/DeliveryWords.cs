using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>A mail's state for people.</summary>
internal static class DeliveryWords
{
    public static string TextOf(string state) => state switch
    {
        "scheduled" => ConversationsTexts.DeliveryScheduled,
        "waiting" => ConversationsTexts.DeliveryQueued,
        "sending" => ConversationsTexts.DeliverySending,
        "sent" => ConversationsTexts.DeliverySent,
        "partly-sent" => ConversationsTexts.DeliveryPartly,
        "delivered" => ConversationsTexts.DeliveryDelivered,
        "delayed" => ConversationsTexts.DeliveryDelayed,
        "bounced" => ConversationsTexts.DeliveryBounced,
        "partly-bounced" => ConversationsTexts.DeliveryPartlyBounced,
        "refused" => ConversationsTexts.DeliveryRefused,
        "failed" => ConversationsTexts.DeliveryFailed,
        "cancelled" => ConversationsTexts.DeliveryCancelled,
        _ => ConversationsTexts.DeliveryUnknown,
    };

    public static StateKind KindOf(string state) => state switch
    {
        "sent" or "delivered" => StateKind.Good,
        "scheduled" or "waiting" or "delayed" => StateKind.Waiting,
        "sending" => StateKind.Active,
        "cancelled" => StateKind.Neutral,
        _ => StateKind.Bad,
    };
}
