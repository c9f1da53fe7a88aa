using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;

namespace Postrider.Storage;

internal static class StorageFeature
{
    /// <param name="keyFile">Wraps Data Protection's keys (<see cref="KeyFile"/>).</param>
    /// <param name="freeBytes">See <see cref="DiskSpace"/>.</param>
    public static IServiceCollection AddStorage(this IServiceCollection services, HubDatabase database, X509Certificate2 keyFile, Func<long>? freeBytes)
    {
        services.AddSingleton(database);
        services.AddSingleton(new DiskSpace(database, freeBytes));
        services.AddSingleton<Bodies>();
        services.AddSingleton<KeyRing>();
        services.AddDataProtection().SetApplicationName("postrider").ProtectKeysWithCertificate(keyFile);
        services.AddOptions<KeyManagementOptions>().Configure<KeyRing>((options, ring) => options.XmlRepository = ring);
        services.AddHostedService<BodySweep>();
        return services;
    }
}
