using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Postrider.Mail;
using Postrider.Settings;
using Postrider.Storage;

namespace Postrider.Conversations;

/// <summary>Signed reply addresses: <c>catchall+token@example.com</c> says which mail is answered, whatever became of its Message-ID.</summary>
internal sealed class ReplyTokens(HubDatabase database, IDataProtectionProvider protection, SystemParameters parameters, TimeProvider clock)
{
    private byte[]? key;

    /// <summary>At start, before mail goes out or comes in.</summary>
    public async Task LoadAsync(CancellationToken cancel)
    {
        if (await database.ReadAsync(Stored, cancel) is { } row)
        {
            try
            {
                key = Protector(row.Id).Unprotect(row.SealedKey);
                return;
            }
            catch (CryptographicException)
            {
                // Another key file: addresses given out before count no longer, references still do.
            }
        }

        var id = Ids.New(clock);
        var made = RandomNumberGenerator.GetBytes(32);
        // Sealed before the write: sealing may write a key of its own.
        var sealedKey = Protector(id).Protect(made);
        await database.WriteAsync(tx =>
        {
            tx.Execute("delete from reply_token_key");
            tx.Execute("insert into reply_token_key (id, sealed_key, created_at) values (@id, @sealedKey, @Now)", new { id, sealedKey, tx.Now });
        }, cancel);
        key = made;
    }

    /// <summary>Where answers to a mail come.</summary>
    /// <param name="leavesWith">The mailbox that sends.</param>
    /// <returns>Null where plus addresses are not switched on, or none can be made.</returns>
    public EmailAddress? AddressFor(Guid mail, EmailAddress leavesWith) =>
        key is { } signs && KnownParameter.IsTrue(parameters.Get(KnownParameter.ReplyPlusAddressing)) ? ReplyToken.AddressFor(signs, mail, OwnAddress.Of(parameters.CatchallAlias, parameters.CatchallDomain) ?? leavesWith) : null;

    /// <returns>The mail whose answer comes to this address; null when it bears no token of ours.</returns>
    public Guid? Read(EmailAddress recipient) => key is { } signs ? ReplyToken.Read(signs, recipient) : null;

    private static KeyRow? Stored(HubReader reader) => reader.QueryFirstOrDefault<KeyRow>("select id as Id, sealed_key as SealedKey from reply_token_key order by created_at desc limit 1");

    private IDataProtector Protector(Guid id) => protection.CreateProtector("reply_token_key", "sealed_key", id.ToString("D"));

    private sealed class KeyRow
    {
        public Guid Id { get; set; }
        public byte[] SealedKey { get; set; } = [];
    }
}

/// <summary>The token itself: the mail's id and ten bytes of its HMAC-SHA256, in base32 of lower case, because servers fold the case of local parts. Pure.</summary>
internal static class ReplyToken
{
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int IdBytes = 16;
    // 80 bits: a guess costs a mail each.
    private const int TagBytes = 10;
    private const int Characters = (((IdBytes + TagBytes) * 8) + 4) / 5;

    /// <returns>Null when the mailbox has a plus already, or its name is too long for a token behind it.</returns>
    public static EmailAddress? AddressFor(byte[] key, Guid mail, EmailAddress mailbox)
    {
        if (mailbox.LocalPart.Contains('+', StringComparison.Ordinal)) return null;
        Span<byte> token = stackalloc byte[IdBytes + TagBytes];
        mail.TryWriteBytes(token, bigEndian: true, out _);
        Sign(key, token[..IdBytes], token[IdBytes..]);
        return EmailAddress.TryParse($"{mailbox.LocalPart}+{Encode(token)}@{mailbox.Domain}", out var address) ? address : null;
    }

    /// <returns>Null when there is no token, or it was not signed with this key. In constant time for tokens of the right length.</returns>
    public static Guid? Read(byte[] key, EmailAddress recipient)
    {
        var plus = recipient.LocalPart.LastIndexOf('+');
        if (plus <= 0 || recipient.LocalPart.Length - plus - 1 != Characters) return null;
        Span<byte> token = stackalloc byte[IdBytes + TagBytes];
        if (!Decode(recipient.LocalPart.AsSpan(plus + 1), token)) return null;
        Span<byte> expected = stackalloc byte[TagBytes];
        Sign(key, token[..IdBytes], expected);
        return CryptographicOperations.FixedTimeEquals(expected, token[IdBytes..]) ? new Guid(token[..IdBytes], bigEndian: true) : null;
    }

    private static void Sign(byte[] key, ReadOnlySpan<byte> id, Span<byte> tag)
    {
        Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, id, whole);
        whole[..TagBytes].CopyTo(tag);
    }

    // RFC 4648 section 6, in lower case and without padding.
    private static string Encode(ReadOnlySpan<byte> bytes)
    {
        Span<char> text = stackalloc char[Characters];
        var (bits, held, at) = (0, 0, 0);
        foreach (var b in bytes)
        {
            held = (held << 8) | b;
            for (bits += 8; bits >= 5; bits -= 5) text[at++] = Alphabet[(held >> (bits - 5)) & 31];
            held &= (1 << bits) - 1;
        }
        if (bits > 0) text[at] = Alphabet[(held << (5 - bits)) & 31];
        return new string(text);
    }

    private static bool Decode(ReadOnlySpan<char> text, Span<byte> bytes)
    {
        var (bits, held, at) = (0, 0, 0);
        foreach (var c in text)
        {
            var value = Alphabet.IndexOf(char.ToLowerInvariant(c), StringComparison.Ordinal);
            if (value < 0) return false;
            held = (held << 5) | value;
            bits += 5;
            if (bits < 8) continue;
            bits -= 8;
            bytes[at++] = (byte)(held >> bits);
            held &= (1 << bits) - 1;
        }
        // What is left over must be nothing: else several texts would be one token.
        return at == bytes.Length && held == 0;
    }
}
