using System.Security.Cryptography;

namespace Postrider.Users;

/// <summary>The one-time link that makes the first administrator. Made anew at each start without one, and known to the console alone: who reads it runs the hub.</summary>
internal sealed class SetupLink
{
    private readonly string token = Secret.New();

    public Uri At(Uri address) => new(address, "/setup/" + token);

    public bool Is(string given) => CryptographicOperations.FixedTimeEquals(Secret.Hash(given), Secret.Hash(token));
}
