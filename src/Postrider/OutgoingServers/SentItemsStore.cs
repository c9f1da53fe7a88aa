using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.OutgoingServers;

/// <summary>Which folder of a mailbox holds what was sent, once it was found.</summary>
internal sealed class SentItemsStore
{
    public string? Folder(HubReader reader, OutgoingServerId server, EmailAddress mailbox) =>
        reader.QueryFirstOrDefault<string>("SELECT folder FROM sent_items_folder WHERE server_id = @server AND mailbox = @Normalized", new { server, mailbox.Normalized });

    public void Remember(HubTransaction transaction, OutgoingServerId server, EmailAddress mailbox, string folder) =>
        transaction.Execute(
            "INSERT INTO sent_items_folder(server_id, mailbox, folder) VALUES(@server, @Normalized, @folder) ON CONFLICT(server_id, mailbox) DO UPDATE SET folder = excluded.folder",
            new { server, mailbox.Normalized, folder });
}
