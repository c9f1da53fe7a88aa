namespace Postrider.Sandbox.Exchange;

/// <summary>All mailboxes as a file keeps them, without their messages.</summary>
internal sealed record MailboxesState(IReadOnlyList<KeptMailbox> Mailboxes, IReadOnlyList<Guid> SmtpAuthDisabledTenants);

internal sealed record KeptMailbox(string Address, string DisplayName, MailboxKind Kind, Guid? OwnerId, Guid? TenantId, MailboxSettings Settings)
{
    public static KeptMailbox Of(Mailbox mailbox) => new(mailbox.Address.ToString(), mailbox.DisplayName, mailbox.Kind, mailbox.OwnerId, mailbox.TenantId, mailbox.Settings);
}
