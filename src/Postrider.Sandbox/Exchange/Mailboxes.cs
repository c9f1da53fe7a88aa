using System.Collections.Concurrent;
using Postrider.Mail;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Exchange;

/// <summary>All mailboxes: of every tenant, and of everybody outside who ever got mail.</summary>
public sealed class Mailboxes
{
    // Anyone can be written to; a run that invents more correspondents than this loses mail to further ones, and is told so at RCPT.
    private const int MaxOutside = 10_000;

    private readonly ConcurrentDictionary<string, Mailbox> byAddress = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, TenantMailSettings> tenants = new();
    private readonly TimeProvider clock;
    private readonly string? folder;

    /// <param name="folder">Where mailboxes are kept; null: in memory.</param>
    internal Mailboxes(TimeProvider clock, string? folder)
    {
        (this.clock, this.folder) = (clock, folder);
    }

    /// <summary>Everything but the messages, to be kept.</summary>
    internal MailboxesState Snapshot() => new([.. All.Select(m => KeptMailbox.Of(m))], [.. tenants.Select(t => new KeptTenant(t.Key, t.Value))]);

    /// <summary>Opens the mailboxes that were kept; their messages are read from the folder.</summary>
    internal void Restore(MailboxesState state)
    {
        foreach (var kept in state.Tenants ?? []) tenants[kept.Id] = kept.Settings;
        foreach (var kept in state.Mailboxes)
        {
            var address = EmailAddress.Parse(kept.Address);
            Add(new(address, kept.DisplayName, kept.Kind, kept.OwnerId, kept.TenantId, clock, PathOf(address.Normalized))).Change(_ => kept.Settings);
        }
    }

    /// <summary>Raised when a mailbox was added or its settings changed.</summary>
    public event Action? Changed;

    /// <summary>By address: people and shared ones first, those outside after them.</summary>
    public IReadOnlyList<Mailbox> All => [.. byAddress.Values.OrderBy(m => m.Kind == MailboxKind.Outside).ThenBy(m => m.Address.Normalized, StringComparer.Ordinal)];

    public Mailbox? Find(EmailAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (byAddress.TryGetValue(address.Normalized, out var found)) return found;
        // Plus addressing, which Exchange Online has on: ann+shop@ is ann@.
        var plus = address.LocalPart.IndexOf('+', StringComparison.Ordinal);
        return plus > 0 && EmailAddress.TryParse(address.LocalPart[..plus] + "@" + address.Domain, out var plain) ? byAddress.GetValueOrDefault(plain.Normalized) : null;
    }

    public Mailbox? Find(string? address) => EmailAddress.TryParse(address, out var parsed) ? Find(parsed) : null;

    /// <summary>The mailbox of that address, or a new one outside.</summary>
    public Mailbox FindOrInvent(EmailAddress address) => Find(address) ?? Add(new(address, address.ToString(), MailboxKind.Outside, ownerId: null, tenantId: null, clock, PathOf(address.Normalized)));

    internal bool HasRoomFor(EmailAddress address) => Find(address) is not null || byAddress.Count < MaxOutside;

    /// <summary>The mailbox of a person of the directory.</summary>
    public Mailbox AddFor(DirectoryUser user)
    {
        ArgumentNullException.ThrowIfNull(user);
        return Add(new(EmailAddress.Parse(user.UserPrincipalName), user.DisplayName, MailboxKind.User, user.Id, user.TenantId, clock, PathOf(user.UserPrincipalName)));
    }

    /// <param name="members">Get FullAccess and SendAs.</param>
    public Mailbox AddShared(EmailAddress address, string displayName, Guid tenantId, params IReadOnlyList<DirectoryUser> members)
    {
        ArgumentNullException.ThrowIfNull(address);
        var mailbox = Add(new(address, displayName, MailboxKind.Shared, ownerId: null, tenantId, clock, PathOf(address.Normalized)));
        mailbox.Change(s => s with { FullAccess = [.. members.Select(m => m.Id)], SendAs = [.. members.Select(m => m.Id)] });
        return mailbox;
    }

    /// <summary>What the tenant's administrators have set for all its mail.</summary>
    public TenantMailSettings SettingsOf(Guid tenantId) => tenants.GetValueOrDefault(tenantId) ?? new();

    public void ChangeTenant(Guid tenantId, Func<TenantMailSettings, TenantMailSettings> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        tenants.AddOrUpdate(tenantId, _ => change(new()), (_, settings) => change(settings));
        Changed?.Invoke();
    }

    private Mailbox Add(Mailbox mailbox)
    {
        var kept = byAddress.GetOrAdd(mailbox.Address.Normalized, mailbox);
        if (!ReferenceEquals(kept, mailbox)) return kept;
        mailbox.SettingsChanged += () => Changed?.Invoke();
        Changed?.Invoke();
        return mailbox;
    }

    private string? PathOf(string name) => folder is null ? null : Path.Combine(folder, Uri.EscapeDataString(name.ToLowerInvariant()));
}
