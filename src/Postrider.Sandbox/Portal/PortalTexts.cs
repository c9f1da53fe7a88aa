using System.Globalization;

namespace Postrider.Sandbox.Portal;

/// <summary>How the portal writes dates and sizes: as an American portal does, whatever the machine's language.</summary>
internal static class PortalTexts
{
    public static string Day(DateTimeOffset instant) => instant.UtcDateTime.ToString("M/d/yyyy", CultureInfo.InvariantCulture);

    public static string Minute(DateTimeOffset instant) => instant.UtcDateTime.ToString("M/d/yyyy, h:mm tt 'UTC'", CultureInfo.InvariantCulture);

    public static string Size(long bytes) => bytes switch
    {
        < 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.#} MB"),
    };
}
