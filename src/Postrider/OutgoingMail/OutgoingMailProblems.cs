using System.Globalization;
using Postrider.Mail;
using Postrider.Web;

namespace Postrider.OutgoingMail;

internal static class OutgoingMailProblems
{
    public static Problem NoRecipients { get; } = new("mail-no-recipients", "The message has no recipients.", null, "Enter at least one address in To, Cc or Bcc.", "you", false);

    public static Problem TooManyRecipients(int limit) => new("mail-too-many-recipients", "The message has too many recipients.", $"At most {limit.ToString(CultureInfo.InvariantCulture)} go with one message.", "Send it in several messages.", "you", false);

    /// <param name="field">The field it stands in: <c>to</c>.</param>
    /// <param name="shown">The text without control characters.</param>
    public static Problem AddressInvalid(string field, string shown) => new("mail-address-invalid", $"{field}: this is not one e-mail address.", shown, "Write it as ann@example.com or Ann <ann@example.com>, one address an entry.", "you", false);

    public static Problem ControlCharacters(string field) => new("mail-control-characters", $"{field} holds a line break or another control character.", "It could smuggle a header or a command into the mail, so nothing was stored.", "Remove it.", "you", false);

    public static Problem HeaderInvalid(string detail) => new("mail-header-invalid", "The message cannot be written.", detail, "Correct the message id or the references.", "you", false);

    public static Problem TooLarge(long size, long limit, string whose) => new("mail-too-large", "The message is too large.",
        $"It would be {Size(size)} on the way (files grow by a third); {whose} takes {Size(limit)}.", "Send smaller files, or a link to them.", "you", false);

    /// <param name="size">Null: more than the limit; they were not read to their end.</param>
    public static Problem FilesTooLarge(long? size, long limit) => new("mail-too-large", "The files are too large.",
        $"They are {(size is { } known ? Size(known) : "more than " + Size(limit))} together; this hub takes {Size(limit)} with a mail, as download links where one mail does not take them.", "Send fewer or smaller files; an administrator may raise postrider.max_files_megabytes.", "you", false);

    /// <summary>base64 within JSON is held in memory.</summary>
    public static Problem JsonTooLarge(long size, long limit, long filesLimit) => TooLarge(size, limit, "this hub, as JSON,") with { Remedy = $"Send the files as parts of multipart/form-data, up to {Size(filesLimit)} together: docs/api.md." };

    public static Problem PartsInvalid(string detail) => new("mail-parts-invalid", "The parts of the request are not the ones that were expected.", detail,
        "Send multipart/form-data: first the part mail with the JSON, then a part with a file name for each file.", "you", false);

    public static Problem AttachmentInvalid(string name) => new("mail-attachment-invalid", "An attachment cannot be read.", name, "Give fileName, mediaType and the content as base64.", "you", false);

    public static Problem KeyReused { get; } = new("mail-idempotency-key-reused", "This Idempotency-Key came with another message before.", null, "Use a new key for each message; the same key only to repeat the same request.", "you", false);

    public static Problem KeyInvalid { get; } = new("mail-idempotency-key-invalid", "The Idempotency-Key is too long or holds odd characters.", null, "Use 1 to 200 printable ASCII characters.", "you", false);

    public static Problem FromNotYours(string yours) => new("mail-from-not-yours", "You may send as yourself only.", $"Your address is {yours}.", "Leave out from, or ask for the right Settings.", "administrator", false);

    public static Problem NotFound { get; } = new("mail-not-found", "There is no such mail.", null, "Go back to the Email Queue.", "you", false);

    public static Problem LinkNotFound { get; } = new("download-link-not-found", "The mail has no such download link.", null, "Reload the mail's page.", "you", false);

    /// <summary>Told to whoever follows a link, whatever the reason.</summary>
    public static Problem LinkNotGood { get; } = new("download-link-not-good", "This file cannot be downloaded.", "The link has expired, was revoked, or is incomplete.", "Check that the whole link was copied; else ask who sent you the mail to send the file again.", "you", false);

    public static Problem NotNow(string state) => new("mail-not-in-that-state", $"This cannot be done while the mail is {state}.", null, "Reload the page: its state has changed.", "you", false);

    public static Problem LifetimePassed { get; } = new("mail-lifetime-passed", "The mail was tried for five days and is given up.", null, "Look at the attempts for the reason; press Retry to try again.", "you", false);

    public static Problem Unknown(string lastLine) => new("mail-unknown", "The connection broke while the server was taking the mail: nobody here knows whether it was sent.", lastLine,
        "Look into Sent Items of the mailbox. If it is there, press It was sent; if not, press Send again.", "administrator", false);

    public static Problem UnknownAfterCrash { get; } = new("mail-unknown", "The hub stopped while the server was taking the mail: nobody here knows whether it was sent.", null,
        "Look into Sent Items of the mailbox. If it is there, press It was sent; if not, press Send again.", "administrator", false);

    public static Problem UnknownAfterRestore { get; } = new("mail-unknown", "The database is an older backup: nobody here knows whether the mail was sent meanwhile.", null,
        "Look into Sent Items of the mailbox. If it is there, press It was sent; if not, press Send again.", "administrator", false);

    public static Problem AttemptBroke { get; } = new("mail-attempt-broke", "The attempt to send stopped inside the hub.", null, "Nothing to do at first: Postrider tries again. If it lasts, look at the log.", "administrator", true);

    public static Problem SetAside(int times) => new("mail-set-aside", $"The mail was set aside: {times.ToString(CultureInfo.InvariantCulture)} attempts to send it stopped the hub.", null, "Look at the log for what happened; press Retry when it is mended, or cancel and write it anew.", "administrator", false);

    public static Problem BodyDamaged { get; } = new("mail-body-damaged", "The stored message is not the one that was put: it is not sent.", "Its checksum differs.", "Check the disk; restore a backup, or write the mail anew.", "administrator", false);

    public static Problem TenantLimit { get; } = new("mail-tenant-limit", "The organisation has written to as many recipients outside it as Microsoft allows in 24 hours.", null, "Nothing to do: the mail goes when there is room. Mail within the organisation is not held up.", "nobody", true);

    public static Problem SendAtInvalid { get; } = new("mail-send-at-invalid", "The time to send cannot be used.", null, "Give sendAt with its offset, such as 2026-12-01T09:00:00+01:00, at most a year ahead.", "you", false);

    public static Problem PriorityInvalid { get; } = new("mail-priority-invalid", "There is no such priority.", null, "Give high, normal or bulk.", "you", false);

    public static Problem AllSuppressed(IEnumerable<SuppressedAddress> addresses) => new("mail-all-suppressed", "No mail goes to any of the recipients: they are suppressed.",
        string.Join(" ", addresses.Take(5).Select(address => $"{address.Address}: {SuppressionStore.Sentence(address)}")), "Correct the addresses; or remove them from Suppressed Addresses when mail may go to them again.", "administrator", false);

    /// <param name="addresses">Each with its reason.</param>
    public static Problem SuppressedMeanwhile(IReadOnlyList<string> addresses) => new("mail-all-suppressed", "No mail goes to any of the recipients: they are suppressed.",
        string.Join(" ", addresses.Take(5)), "Correct the addresses; or remove them from Suppressed Addresses when mail may go to them again, and press Retry.", "administrator", false);

    /// <param name="reply">The server's refusal then; null when it gave none.</param>
    public static Problem SenderRefused(string server, EmailAddress from, string? reply) => new("mail-sender-refused", $"The mail was not offered: “{server}” has refused {from} meanwhile, because its account may not send as this address.", reply,
        "Give the account Send As rights on that mailbox and press Test Connection on the server's page, then Retry; or write the mail anew from another address.", "Microsoft 365 administrator", false);

    /// <returns>Null when none of the fates is bad.</returns>
    public static Problem? OfFates(IReadOnlyList<(string Address, RecipientFate Fate)> fates)
    {
        var bounced = fates.Where(known => known.Fate.Fate == Fate.Bounced).ToList();
        if (bounced is [var first, ..])
            return new("mail-bounced", $"The mail did not arrive at {Addresses(bounced)}{(first.Fate.Status is { } status ? $" ({status})" : "")}.", first.Fate.Diagnostic,
                first.Fate.Permanent ? "Correct the address, or reach the recipient in another way." : "Send it again later: the receiving side says that it passes.", "you", false);
        var delayed = fates.Where(known => known.Fate.Fate == Fate.Delayed).ToList();
        return delayed is [var slow, ..] ? new("mail-delayed", $"The mail has not arrived at {Addresses(delayed)} yet.", slow.Fate.Diagnostic, "Nothing to do: the mail servers on the way go on trying.", "nobody", true) : null;

        static string Addresses(IReadOnlyList<(string Address, RecipientFate Fate)> some) => string.Join(", ", some.Take(3).Select(known => known.Address)) + (some.Count > 3 ? $" and {some.Count - 3} more" : "");
    }

    public static Problem SuppressedAddressInvalid { get; } = new("suppressed-address-invalid", "This is not one e-mail address.", null, "Write it as ann@example.com.", "you", false);

    public static Problem SuppressedNoteInvalid(int limit) => new("suppressed-address-note-invalid", "The note is too long, or holds a line break.", $"At most {limit.ToString(CultureInfo.InvariantCulture)} characters in one line.", "Shorten it.", "you", false);

    public static Problem AlreadySuppressed(string address) => new("suppressed-address-taken", $"No mail goes to {address} already.", null, "Nothing to do.", "you", false);

    public static Problem NotSuppressed { get; } = new("suppressed-address-not-found", "This address is not suppressed.", null, "Reload the page: somebody may have removed it.", "you", false);

    public static Problem StorageLow(long free) => new("storage-low", "The hub's disk is nearly full, so it takes no mail.", $"{Size(free)} are free; it takes mail again from 256 MB on. What it has taken goes on being sent.", "Make room on the disk of the data folder; nothing has to be restarted.", "administrator", false);

    /// <param name="detail">What stands in the way.</param>
    public static Problem NotConvertible(string detail) => new("mail-not-convertible", "The message holds what no mail server takes, and it cannot be encoded anew without changing it.", detail, "Let the program that wrote it use base64 or quoted-printable, and lines of at most 998 octets.", "you", false);

    public static Problem CannotTake(string host, string detail) => new("mail-form-not-taken", $"{host} cannot take the message in the form in which it was written.", detail, "Let the program that wrote it encode its header and text (RFC 2047, quoted-printable), or send through another server.", "you", false);

    private static string Size(long bytes) => ByteSize.Of(bytes, CultureInfo.InvariantCulture);
}
