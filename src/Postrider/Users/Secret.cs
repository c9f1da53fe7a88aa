using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Postrider.Users;

/// <summary>Random tokens that are shown once and stored as their SHA-256. They have 256 bits, so a slow hash would add nothing.</summary>
internal static class Secret
{
    /// <returns>43 characters of base64url.</returns>
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
