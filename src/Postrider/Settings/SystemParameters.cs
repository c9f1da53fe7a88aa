using System.Collections.Frozen;
using System.Globalization;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Settings;

/// <summary>The hub's parameters, typed and checked; kept in memory, so reading them costs nothing.</summary>
internal sealed class SystemParameters(HubDatabase database, JournalWriter journal, IEnumerable<IParameterRule> rules)
{
    public const int MaxValueLength = 1000;

    // Replaced as a whole after each commit.
    private volatile FrozenDictionary<string, string> values = FrozenDictionary<string, string>.Empty;

    /// <summary>Scheme and authority without a slash at the end.</summary>
    public Uri BaseUrl => new(values[KnownParameter.BaseUrl]);
    public bool BaseUrlIsFrozen => Get(KnownParameter.BaseUrlFreeze) is not (null or "False" or "false" or "0");
    /// <summary>A local part or a whole address; null: not set.</summary>
    public string? DefaultFrom => Get(KnownParameter.DefaultFrom);
    /// <summary>Null: not set.</summary>
    public string? CatchallDomain => Get(KnownParameter.CatchallDomain);
    /// <summary>A local part; null: not set.</summary>
    public string? CatchallAlias => Get(KnownParameter.CatchallAlias);
    /// <summary>A local part; null: not set.</summary>
    public string? BounceAlias => Get(KnownParameter.BounceAlias);
    /// <summary><c>{mail.default.from}@{mail.catchall.domain}</c>; null: not set.</summary>
    public EmailAddress? DefaultFromAddress => OwnAddress.Of(DefaultFrom, CatchallDomain);
    /// <summary><c>{mail.bounce.alias}@{mail.catchall.domain}</c>; null: not set.</summary>
    public EmailAddress? BounceAddress => OwnAddress.Of(BounceAlias, CatchallDomain);
    public bool PersonalServersDisabled => KnownParameter.IsTrue(Get(KnownParameter.DisablePersonalServers));
    /// <summary>The checkbox <em>Custom Email Servers</em>.</summary>
    public bool CustomEmailServers => KnownParameter.IsTrue(Get(KnownParameter.CustomEmailServers));
    /// <summary>Id of the outgoing server that mailings go through; null: <em>Dedicated Server</em> is not ticked.</summary>
    public Guid? DedicatedServer => KnownParameter.IsTrue(Get(KnownParameter.DedicatedServer)) && Guid.TryParse(Get(KnownParameter.DedicatedServerId), out var id) ? id : null;
    /// <summary>Megabytes of a mail over which its files go as download links, where its server names no other size.</summary>
    public int DefaultMaxEmailMegabytes => Whole(KnownParameter.DefaultMaxEmailSize) ?? 10;
    /// <summary>Bytes that the files of a mail may have together; what one mail does not take goes as download links.</summary>
    public long MaxFilesBytes => 1024L * 1024 * (Whole(KnownParameter.MaxFilesMegabytes) ?? 100);
    /// <summary>How long a download link is good for.</summary>
    public TimeSpan DownloadLinkLife => TimeSpan.FromDays(Whole(KnownParameter.DownloadLinkDays) ?? 30);
    /// <summary>Whoever comes from there hands in mail without signing in.</summary>
    public TrustedNetworks TrustedNetworks => TrustedNetworks.Parse(Get(KnownParameter.TrustedSubmitters));
    /// <summary>Null: the cloud the hub was started with.</summary>
    public Uri? OutlookEndpoint => Get(KnownParameter.OutlookEndpoint) is { } value ? new Uri(value) : null;

    private int? Whole(string key) => int.TryParse(Get(key), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null;

    /// <returns>Null when it is not set or empty.</returns>
    public string? Get(string key) => values.TryGetValue(key, out var value) && value.Length > 0 ? value : null;

    /// <summary>As <see cref="Get(string)"/>, with what earlier writes of the same commit have changed.</summary>
    public static string? Get(HubReader reader, string key) => reader.Scalar<string>("SELECT value FROM system_parameter WHERE key = @key", new { key }) is { Length: > 0 } value ? value : null;

    /// <summary>As stored, by key.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> List() => [.. values.OrderBy(entry => entry.Key, StringComparer.Ordinal)];

    public bool Has(string key) => values.ContainsKey(key);

    /// <summary>Creates or changes it.</summary>
    /// <param name="byUser">Null: the hub itself.</param>
    /// <returns>Null when it is stored.</returns>
    public async Task<Problem?> SetAsync(string key, string value, Guid? byUser, CancellationToken cancellationToken = default)
    {
        (key, value) = (key.Trim(), value.Trim());
        if (KnownParameter.Check(key, value) is { } problem) return problem;
        return await database.WriteAsync(tx =>
        {
            if (Against(tx, key, value) is { } inTheWay) return inTheWay;
            Put(tx, key, value, byUser);
            return null;
        }, cancellationToken);
    }

    /// <summary>As <see cref="SetAsync"/>, within the caller's transaction. The value must have been checked (<see cref="KnownParameter.Check"/>), and no <see cref="IParameterRule"/> be about its key.</summary>
    public void Put(HubTransaction transaction, string key, string value, Guid? byUser)
    {
        if (transaction.Scalar<string>("SELECT value FROM system_parameter WHERE key = @key", new { key }) == value) return;
        transaction.Execute(
            "INSERT INTO system_parameter(key, value, changed_at, changed_by) VALUES(@key, @value, @at, @byUser) ON CONFLICT(key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
            new { key, value, at = transaction.Now, byUser });
        journal.Write(transaction, "parameter-changed", "system-parameter", null, $"{key} is now \"{value}\".", byUser);
        Reload(transaction);
    }

    public Task<Problem?> DeleteAsync(string key, Guid? byUser, CancellationToken cancellationToken = default) => database.WriteAsync(tx =>
    {
        // Without it no redirect URL could be shown; it is changed, not deleted.
        if (key == KnownParameter.BaseUrl) return SettingsProblems.ValueNotAllowed(key, SettingsTexts.KeyNeeded);
        if (tx.Execute("DELETE FROM system_parameter WHERE key = @key", new { key }) == 0) return SettingsProblems.KeyNotFound(key);
        journal.Write(tx, "parameter-deleted", "system-parameter", null, $"{key} was deleted.", byUser);
        Reload(tx);
        return null;
    }, cancellationToken);

    /// <summary>Creates it; a key that exists is refused instead of overwritten.</summary>
    public async Task<Problem?> CreateAsync(string key, string value, Guid? byUser, CancellationToken cancellationToken = default)
    {
        (key, value) = (key.Trim(), value.Trim());
        if (KnownParameter.Check(key, value) is { } problem) return problem;
        return await database.WriteAsync(tx =>
        {
            if (tx.Scalar<long>("SELECT count(*) FROM system_parameter WHERE key = @key", new { key }) > 0) return SettingsProblems.KeyTaken(key);
            if (Against(tx, key, value) is { } inTheWay) return inTheWay;
            Put(tx, key, value, byUser);
            return null;
        }, cancellationToken);
    }

    private Problem? Against(HubReader reader, string key, string value) => rules.Select(rule => rule.Against(reader, key, value)).OfType<Problem>().FirstOrDefault();

    /// <summary>At start, before anything of the hub runs.</summary>
    public Task LoadAsync(CancellationToken cancellationToken) => database.WriteAsync(Reload, cancellationToken);

    /// <summary>At start, before the first request is answered.</summary>
    /// <param name="address">The hub's own: the first <c>web.base.url</c>.</param>
    public Task SetFirstBaseUrlAsync(Uri address, CancellationToken cancellationToken) => database.WriteAsync(tx =>
    {
        tx.Execute("INSERT INTO system_parameter(key, value, changed_at) VALUES(@key, @value, @at) ON CONFLICT(key) DO NOTHING",
            new { key = KnownParameter.BaseUrl, value = address.GetLeftPart(UriPartial.Authority), at = tx.Now });
        Reload(tx);
    }, cancellationToken);

    private void Reload(HubTransaction transaction)
    {
        var read = transaction.Query<Row>("SELECT key, value FROM system_parameter").ToFrozenDictionary(row => row.Key, row => row.Value, StringComparer.Ordinal);
        transaction.AfterCommit(() => values = read);
    }

    private sealed record Row(string Key, string Value);
}
