using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Postrider.Sandbox.Entra;

/// <summary>The key that signs id_tokens (RS256), and the secret that makes <c>sub</c> differ from application to application.</summary>
internal sealed class SigningKey : IDisposable
{
    private readonly RSA rsa;
    private readonly byte[] pairwise;

    private SigningKey(RSA rsa)
    {
        this.rsa = rsa;
        var parameters = rsa.ExportParameters(includePrivateParameters: false);
        (Modulus, Exponent) = (Base64Url.EncodeToString(parameters.Modulus), Base64Url.EncodeToString(parameters.Exponent));
        // RFC 7638: the thumbprint of the key's required members in lexical order.
        KeyId = Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($$"""{"e":"{{Exponent}}","kty":"RSA","n":"{{Modulus}}"}""")));
        pairwise = SHA256.HashData(rsa.ExportRSAPrivateKey());
    }

    public string KeyId { get; }
    public string Modulus { get; }
    public string Exponent { get; }

    /// <summary>The one kept in <paramref name="file"/>, or a new one kept there.</summary>
    public static SigningKey LoadOrCreate(string file)
    {
        var key = RSA.Create(2048);
        if (File.Exists(file)) key.ImportFromPem(File.ReadAllText(file));
        else Kept.WriteOwnerOnly(file, key.ExportPkcs8PrivateKeyPem() + "\n");
        return new(key);
    }

    /// <summary>One person is another <c>sub</c> to every application.</summary>
    public string PairwiseSubject(Guid clientId, Guid userId) => Base64Url.EncodeToString(HMACSHA256.HashData(pairwise, Encoding.ASCII.GetBytes($"{clientId:N}{userId:N}")));

    /// <summary>A compact JWS (RFC 7515 section 7.1). RSA's private operation is thread-safe in .NET.</summary>
    public string Sign(IReadOnlyDictionary<string, object> claims)
    {
        var header = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>(StringComparer.Ordinal) { ["typ"] = "JWT", ["alg"] = "RS256", ["kid"] = KeyId });
        var text = Base64Url.EncodeToString(header) + "." + Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(claims));
        return text + "." + Base64Url.EncodeToString(rsa.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    public void Dispose() => rsa.Dispose();
}
