using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Postrider.Storage;

/// <summary>Data Protection's keys, in the database. Each is wrapped by the key file before it comes here.</summary>
internal sealed class KeyRing(HubDatabase database, TimeProvider clock) : IXmlRepository
{
    public IReadOnlyCollection<XElement> GetAllElements() =>
        [.. database.Read(r => r.Query<string>("SELECT xml FROM data_protection_key ORDER BY id")).Select(XElement.Parse)];

    // The interface cannot wait. It happens at first start and each 90 days, on a pool thread.
    public void StoreElement(XElement element, string friendlyName)
    {
        var (id, xml) = (Ids.New(clock), element.ToString(SaveOptions.DisableFormatting));
        database.WriteAsync(tx => tx.Execute("INSERT INTO data_protection_key(id, xml, created_at) VALUES(@id, @xml, @at)", new { id, xml, at = tx.Now })).GetAwaiter().GetResult();
    }
}
