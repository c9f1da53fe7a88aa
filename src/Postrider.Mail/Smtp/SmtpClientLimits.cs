using System.Net;
using System.Net.Sockets;

namespace Postrider.Mail.Smtp;

/// <summary>What one address may do over all its sessions: so many at a time, and so many wrong sign-ins before it has to wait. Nothing is kept of addresses that behave.</summary>
internal sealed class SmtpClientLimits(SmtpServerOptions options)
{
    // A stranger with many addresses fills it no further.
    private const int Kept = 10_000;

    private readonly Lock gate = new();
    private readonly Dictionary<IPAddress, int> sessions = [];
    private readonly Dictionary<string, (int Failures, DateTimeOffset Until)> failures = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>False: the address has as many sessions as it may.</summary>
    public bool Enter(IPAddress address)
    {
        address = Client(address);
        lock (gate)
        {
            var open = sessions.GetValueOrDefault(address);
            if (open >= options.MaxConnectionsPerAddress) return false;
            sessions[address] = open + 1;
            return true;
        }
    }

    public void Leave(IPAddress address)
    {
        address = Client(address);
        lock (gate)
        {
            if (sessions.TryGetValue(address, out var open) && open > 1) sessions[address] = open - 1;
            else sessions.Remove(address);
        }
    }

    /// <summary>Null: may try; else how long it has to wait. Of the address and of the user alike, so that neither many users from one address nor one user from many can be tried.</summary>
    public TimeSpan? Wait(IPAddress address, string user)
    {
        var now = options.Clock.GetUtcNow();
        lock (gate)
        {
            foreach (var key in Keys(address, user))
                if (failures.TryGetValue(key, out var known) && known.Failures >= options.MaxSignInFailures && known.Until > now) return known.Until - now;
        }
        return null;
    }

    public void Failed(IPAddress address, string user)
    {
        var now = options.Clock.GetUtcNow();
        lock (gate)
        {
            if (failures.Count > Kept) foreach (var (old, _) in failures.Where(f => f.Value.Until <= now).ToList()) failures.Remove(old);
            foreach (var key in Keys(address, user))
            {
                if (failures.Count > Kept && !failures.ContainsKey(key)) continue;
                var known = failures.GetValueOrDefault(key);
                failures[key] = ((known.Until > now ? known.Failures : 0) + 1, now + options.SignInPause);
            }
        }
    }

    public void Succeeded(IPAddress address, string user)
    {
        lock (gate)
        {
            foreach (var key in Keys(address, user)) failures.Remove(key);
        }
    }

    private static string[] Keys(IPAddress address, string user) => [Client(address).ToString(), "user " + user];

    /// <summary>A client of IPv6 has a network of 64 bits to itself (RFC 6177) and could come from another address each time.</summary>
    private static IPAddress Client(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
