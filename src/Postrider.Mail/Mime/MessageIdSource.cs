using System.Buffers.Text;

namespace Postrider.Mail.Mime;

/// <summary>Makes message ids (RFC 5322 section 3.6.4) that nobody can guess and that do not tell when or where they were made.</summary>
/// <param name="domain">The part behind the @; of an international domain its ASCII form is taken.</param>
/// <param name="chance">Fills with random bytes: <c>RandomNumberGenerator.Fill</c>, in tests a seeded source.</param>
public sealed class MessageIdSource(EmailAddress domain, Action<Span<byte>> chance)
{
    private const int RandomBytes = 18; // 144 bits: two alike are not to be expected in the life of the world's mail

    private readonly string _domain = domain.Wire[(domain.Wire.LastIndexOf('@') + 1)..];

    /// <summary>Without angle brackets.</summary>
    public string Next()
    {
        Span<byte> bytes = stackalloc byte[RandomBytes];
        chance(bytes);
        return Base64Url.EncodeToString(bytes) + "@" + _domain;
    }
}
