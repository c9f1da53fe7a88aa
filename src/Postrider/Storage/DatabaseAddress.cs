using System.Data.Common;
using System.Globalization;
using Npgsql;
using Postrider.Telemetry;

namespace Postrider.Storage;

/// <summary>Where the database is, when it is not a file in the data folder: a connection string of Npgsql, such as <c>Host=db.example.com;Database=postrider;Username=postrider</c>. It may hold a password, so it is never shown.</summary>
internal static class DatabaseAddress
{
    /// <exception cref="StartRefusedException">It cannot be read, or names no host.</exception>
    public static NpgsqlConnectionStringBuilder Read(string given)
    {
        NpgsqlConnectionStringBuilder address;
        try
        {
            address = new(given);
        }
        catch (Exception wrong) when (wrong is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            // The words of the exception may repeat what was given, with the password in it.
            throw Invalid("cannot be read");
        }

        if (string.IsNullOrEmpty(address.Host)) throw Invalid("names no host");
        if (string.IsNullOrEmpty(address.Database)) address.Database = "postrider";
        if (string.IsNullOrEmpty(address.ApplicationName)) address.ApplicationName = "postrider";
        // Npgsql's own default keeps a writer waiting longer than the hub does.
        if (!new DbConnectionStringBuilder { ConnectionString = given }.ContainsKey("Timeout")) address.Timeout = 5;
        // The hub keeps its own connections, one of which holds a lock.
        address.Pooling = false;
        address.Multiplexing = false;
        address.NoResetOnClose = true;
        address.Enlist = false;
        address.IncludeErrorDetail = false;
        address.PersistSecurityInfo = false;
        address.MaxAutoPrepare = 200;
        address.AutoPrepareMinUsages = 3;
        return address;
    }

    /// <summary>For people: where, never with what password.</summary>
    public static string Describe(NpgsqlConnectionStringBuilder address) => string.Create(CultureInfo.InvariantCulture, $"“{address.Database}” at {address.Host}{(address.Host!.StartsWith('/') ? "" : $":{address.Port}")}");

    private static StartRefusedException Invalid(string why) =>
        new("database-address-invalid", $"What --database or POSTRIDER_DATABASE says {why}.", "It looks like: Host=db.example.com;Database=postrider;Username=postrider.");
}
