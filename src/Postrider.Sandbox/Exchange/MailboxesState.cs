namespace Postrider.Sandbox.Exchange;

/// <summary>All mailboxes as a file keeps them, without their messages.</summary>
/// <param name="Tenants">Those that differ from the defaults; null in the file of an older sandbox.</param>
internal sealed record MailboxesState(IReadOnlyList<KeptMailbox> Mailboxes, IReadOnlyList<KeptTenant>? Tenants);

internal sealed record KeptTenant(Guid Id, TenantMailSettings Settings);

internal sealed record KeptMailbox(string Address, string DisplayName, MailboxKind Kind, Guid? OwnerId, Guid? TenantId, MailboxSettings Settings)
{
    public static KeptMailbox Of(Mailbox mailbox) => new(mailbox.Address.ToString(), mailbox.DisplayName, mailbox.Kind, mailbox.OwnerId, mailbox.TenantId, mailbox.Settings);
}
