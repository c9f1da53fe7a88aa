using Postrider.Mail;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Exchange;

namespace Postrider.Sandbox;

/// <summary>The people a new sandbox begins with.</summary>
public static class TenantSeed
{
    /// <summary>Of every seeded account; printed by the Demo and the sandbox.</summary>
    public const string Password = "Postrider-2026";

    /// <summary>A shared mailbox: nobody signs in to it, Ann may open it and send as it.</summary>
    public const string SharedMailbox = "support@meadow.example";

    internal static void Plant(EntraDirectory directory, Mailboxes mailboxes)
    {
        var bakery = directory.AddTenant("Meadow Bakery", "meadowbakery.onmicrosoft.example", "meadow.example");
        directory.AddUser(bakery.Id, "admin@meadow.example", "Mara Admin", Password, DirectoryRoles.GlobalAdministrator);
        var notifications = directory.AddUser(bakery.Id, "notifications@meadow.example", "Meadow Notifications", Password);
        var sales = directory.AddUser(bakery.Id, "sales@meadow.example", "Meadow Sales", Password);
        var ann = directory.AddUser(bakery.Id, "ann@meadow.example", "Ann Miller", Password);
        directory.AddUser(bakery.Id, "ben@meadow.example", "Ben Baker", Password);
        directory.AddGroup(bakery.Id, "Mail senders", notifications.Id, sales.Id);
        directory.AddGroup(bakery.Id, "Shop", sales.Id, ann.Id);
        directory.AddPersonalAccount("rosa@outlook.example", "Rosa Lind", Password);
        foreach (var user in directory.Users) mailboxes.AddFor(user);
        mailboxes.AddShared(EmailAddress.Parse(SharedMailbox), "Meadow Support", bakery.Id, ann);
    }
}
