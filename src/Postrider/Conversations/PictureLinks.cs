using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.WebUtilities;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>
/// Sealed words in addresses. The frame of a message is of no origin, so its requests bear no cookie: a picture inside it is asked for by a link that is itself the permission, for an hour.
/// And the frame shows remote pictures only with a word that was made when somebody pressed the button.
/// </summary>
internal sealed class PictureLinks(IDataProtectionProvider protection, TimeProvider clock)
{
    public const string Path = "/pictures/";
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    private readonly IDataProtector inline = protection.CreateProtector("conversations.inline-picture");
    private readonly IDataProtector remote = protection.CreateProtector("conversations.remote-pictures");

    /// <summary>The address of an inline picture.</summary>
    public string To(ConversationId conversation, ThreadAttachmentId attachment) => Path + Seal(inline, conversation.Value, attachment.Value);

    /// <returns>Null when it was not made here, or is too old.</returns>
    public (ConversationId Conversation, ThreadAttachmentId Attachment)? Open(string word) => Unseal(inline, word) is var (conversation, attachment) ? (new(conversation), new(attachment)) : null;

    /// <summary>This person wants to see the remote pictures of this message.</summary>
    public string Permit(ThreadMessageId message, Viewer viewer) => Seal(remote, message.Value, viewer.UserId);

    public bool Permits(string? word, ThreadMessageId message, Viewer viewer) => word is not null && Unseal(remote, word) == (message.Value, viewer.UserId);

    private string Seal(IDataProtector protector, Guid first, Guid second)
    {
        var bytes = new byte[40];
        first.TryWriteBytes(bytes, bigEndian: true, out _);
        second.TryWriteBytes(bytes.AsSpan(16), bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(32), StoredTypes.Micros(clock.GetUtcNow() + Life));
        return WebEncoders.Base64UrlEncode(protector.Protect(bytes));
    }

    private (Guid, Guid)? Unseal(IDataProtector protector, string word)
    {
        try
        {
            var bytes = protector.Unprotect(WebEncoders.Base64UrlDecode(word));
            return bytes.Length == 40 && StoredTypes.Instant(BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(32))) > clock.GetUtcNow()
                ? (new Guid(bytes.AsSpan(0, 16), bigEndian: true), new Guid(bytes.AsSpan(16, 16), bigEndian: true)) : null;
        }
        catch (Exception failure) when (failure is CryptographicException or FormatException)
        {
            return null;
        }
    }
}
