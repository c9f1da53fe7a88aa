using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Postrider.Settings;

/// <summary>Addresses with the name of who sends from there: <c>192.0.2.10=Scanner, 198.51.100.0/24=Printers</c>.</summary>
internal sealed class TrustedNetworks
{
    // Wider ones are no building: they would let strangers send.
    private const int WidestPrefix = 8;
    private const int WidestPrefix6 = 32;

    // The last one that was read: parameters change seldom and are asked at every MAIL.
    private static TrustedNetworks last = new("", []);

    private readonly string text;
    private readonly IReadOnlyList<(IPNetwork Network, string Name)> networks;

    private TrustedNetworks(string text, IReadOnlyList<(IPNetwork, string)> networks) => (this.text, this.networks) = (text, networks);

    /// <param name="text">As a parameter holds it, which was checked when it was stored; null: none.</param>
    public static TrustedNetworks Parse(string? text)
    {
        var known = last;
        if (known.text == (text ?? "")) return known;
        return last = TryParse(text ?? "", out var read) ? read : new(text ?? "", []);
    }

    public static bool TryParse(string text, [NotNullWhen(true)] out TrustedNetworks? read)
    {
        read = null;
        var entries = new List<(IPNetwork, string)>();
        foreach (var entry in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (entry.Split('=', StringSplitOptions.TrimEntries) is not [var where, { Length: > 0 and <= 60 } name]) return false;
            if (NetworkOf(where) is not { } network) return false;
            entries.Add((network, name));
        }

        read = new(text, entries);
        return true;
    }

    /// <returns>The name of whoever sends from this address; null when it is not trusted.</returns>
    public string? NameOf(IPAddress address)
    {
        if (networks.Count == 0) return null;
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return networks.FirstOrDefault(entry => entry.Network.Contains(plain)).Name;
    }

    private static IPNetwork? NetworkOf(string text)
    {
        if (!text.Contains('/', StringComparison.Ordinal))
            return IPAddress.TryParse(text, out var one) ? new IPNetwork(one, one.AddressFamily == AddressFamily.InterNetwork ? 32 : 128) : null;
        return IPNetwork.TryParse(text, out var network) && network.PrefixLength >= (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? WidestPrefix : WidestPrefix6) ? network : null;
    }
}
