using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.Web;

namespace Postrider.Submission;

/// <summary>How a message came, for its Received field.</summary>
/// <param name="Protocol">Of RFC 3848 and RFC 6531: <c>ESMTPSA</c>.</param>
internal sealed record Arrival(string HeloName, string Address, string Host, string Protocol);

/// <summary>The header of a message that a program handed in: what the hub reads of it, and how it goes out (RFC 6409 section 8). Every line that is not named here goes out byte for byte. Pure.</summary>
internal sealed class SubmittedHeader
{
    /// <summary>Bytes; real ones have a tenth of it.</summary>
    public const int MaxBytes = 256 * 1024;
    public const string OptionPrefix = "X-Postrider-";
    public const string KeyOption = "X-Postrider-Idempotency-Key";
    public const string SendAtOption = "X-Postrider-Send-At";
    public const string MailingOption = "X-Postrider-Mailing";
    public const string PriorityOption = "X-Postrider-Priority";

    // What a page shows; the whole of it goes out.
    private const int MaxSubject = 300;

    private readonly IReadOnlyList<HeaderLines> fields;
    private bool hasDate, hasReplyTo;

    private SubmittedHeader(IReadOnlyList<HeaderLines> fields) => this.fields = fields;

    public NamedAddress From { get; private set; } = null!;
    /// <summary>Null: there is none.</summary>
    public NamedAddress? Sender { get; private set; }
    public IReadOnlyList<NamedAddress> To { get; private set; } = [];
    public IReadOnlyList<NamedAddress> Cc { get; private set; } = [];
    public string Subject { get; private set; } = "";
    /// <summary>Without angle brackets; null: it gets one.</summary>
    public string? MessageId { get; private set; }
    public bool IsEightBit { get; private set; }
    public string? IdempotencyKey { get; private set; }
    public DateTimeOffset? SendAt { get; private set; }
    public OutboxLane Lane { get; private set; } = OutboxLane.Usual;

    /// <param name="section">With the blank line that ends it; must not change while the header is used.</param>
    public static (SubmittedHeader? Header, Problem? Problem) Read(ReadOnlyMemory<byte> section)
    {
        if (section.Length > MaxBytes) return (null, SubmissionProblems.HeaderTooLong(MaxBytes));
        var (fields, flaw) = HeaderSection.Read(section);
        if (flaw is not null) return (null, SubmissionProblems.HeaderUnreadable(flaw));
        var header = new SubmittedHeader(fields) { IsEightBit = section.Span.ContainsAnyInRange((byte)0x80, (byte)0xFF) };
        NamedAddress? from = null;
        foreach (var field in fields)
        {
            if (field.Is("From"))
            {
                if (from is not null) return (null, SubmissionProblems.FromSeveral);
                var list = AddressList.Parse(Raw(field));
                if (list.Addresses.Count > 1) return (null, SubmissionProblems.FromSeveral);
                if (list.Addresses.Count == 0) return (null, Raw(field).Trim().Length == 0 ? SubmissionProblems.FromMissing : SubmissionProblems.FromUnreadable);
                if (list.Defects.Count > 0) return (null, SubmissionProblems.FromUnreadable);
                from = list.Addresses[0];
            }
            else if (field.Is("Sender")) header.Sender ??= AddressList.Parse(Raw(field)).Addresses is [var sender, ..] ? sender : null;
            else if (field.Is("To")) header.To = [.. header.To, .. AddressList.Parse(Raw(field)).Addresses];
            else if (field.Is("Cc")) header.Cc = [.. header.Cc, .. AddressList.Parse(Raw(field)).Addresses];
            else if (field.Is("Subject")) header.Subject = Shown(field.Field.Text);
            else if (field.Is("Message-ID")) header.MessageId ??= IdIn(Raw(field));
            else if (field.Is("Date")) header.hasDate = true;
            else if (field.Is("Reply-To")) header.hasReplyTo = true;
            else if (field.Name.StartsWith(OptionPrefix, StringComparison.OrdinalIgnoreCase) && header.Take(field) is { } problem) return (null, problem);
        }

        if (from is null) return (null, SubmissionProblems.FromMissing);
        header.From = from;
        return (header, null);
    }

    /// <summary>What is the same when a program sends the message again; all of it but what it makes anew.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Identity => [.. fields.Where(f => !IsRemoved(f) && !f.Is("Date") && !f.Is("Message-ID") && !f.Is("Received")).Select(f => f.Bytes)];

    /// <summary>As it goes out, with its blank line. What is added stands on top, so that what a submitter has signed below stays in its order.</summary>
    public ReadOnlyMemory<byte> Write(SubmissionStamp stamp, Arrival arrival)
    {
        var rewritten = stamp.Decision.Rewritten(From);
        var into = new ArrayBufferWriter<byte>(fields.Sum(field => field.Bytes.Length) + 1024);
        HeaderLine.Words(into, "Received", "from", arrival.HeloName, $"([{arrival.Address}])", "by", arrival.Host, "with", arrival.Protocol, "id", $"{stamp.Id.Value:N};", stamp.Now.ToString("ddd, dd MMM yyyy HH:mm:ss '+0000'", CultureInfo.InvariantCulture));
        HeaderLine.Words(into, "X-Postrider-Id", stamp.Id.Value.ToString("D"));
        if (MessageId is null) HeaderLine.Words(into, "Message-ID", $"<{stamp.MessageId}>");
        if (!hasDate) HeaderLine.Date(into, "Date", stamp.Now);
        // As with mail that the hub writes: where the address was replaced, an answer still goes to the one who wrote.
        if (rewritten && !hasReplyTo) HeaderLine.Addresses(into, "Reply-To", From);
        foreach (var field in fields)
        {
            if (IsRemoved(field) || (MessageId is null && field.Is("Message-ID"))) continue;
            // A signature over the From that was replaced does not hold any more, and a broken one is worse than none (RFC 6376 section 6.1 lets a receiver count it against the sender).
            if (rewritten && field.Is("DKIM-Signature")) continue;
            if (rewritten && field.Is("From"))
            {
                HeaderLine.Addresses(into, "From", stamp.Decision.HeaderFrom);
                continue;
            }

            into.Write(field.Bytes.Span);
            if (!field.Bytes.Span.EndsWith("\r\n"u8)) into.Write("\r\n"u8);
        }

        into.Write("\r\n"u8);
        return into.WrittenMemory;
    }

    // Bcc would show who was hidden; Return-Path is the last server's to write (RFC 5321 section 4.4); the options are for the hub alone.
    private static bool IsRemoved(HeaderLines field) =>
        field.Is("Bcc") || field.Is("Resent-Bcc") || field.Is("Return-Path") || field.Name.StartsWith(OptionPrefix, StringComparison.OrdinalIgnoreCase);

    /// <returns>Null when the option is understood, or is none of ours.</returns>
    private Problem? Take(HeaderLines field)
    {
        var value = field.Field.Text.Trim();
        if (field.Is(KeyOption))
        {
            IdempotencyKey = value;
        }
        else if (field.Is(SendAtOption))
        {
            if (!DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowWhiteSpaces, out var at)) return SubmissionProblems.OptionInvalid(SendAtOption, "a time such as 2027-01-31T08:00:00Z");
            SendAt = at.ToUniversalTime();
        }
        else if (field.Is(MailingOption))
        {
            if (value.ToLowerInvariant() is not ("yes" or "no")) return SubmissionProblems.OptionInvalid(MailingOption, "yes or no");
            if (value.Equals("yes", StringComparison.OrdinalIgnoreCase)) Lane = OutboxLane.Bulk;
        }
        else if (field.Is(PriorityOption))
        {
            switch (value.ToLowerInvariant())
            {
                case "high": Lane = OutboxLane.Urgent; break;
                case "normal": break;
                case "bulk": Lane = OutboxLane.Bulk; break;
                default: return SubmissionProblems.OptionInvalid(PriorityOption, "high, normal or bulk");
            }
        }

        return null;
    }

    private static string Raw(HeaderLines field)
    {
        var raw = field.Field.RawValue.Span;
        return (Utf8.IsValid(raw) ? Encoding.UTF8 : Encoding.Latin1).GetString(raw);
    }

    /// <returns>Null when there is nothing that could be one.</returns>
    private static string? IdIn(string text)
    {
        var open = text.IndexOf('<', StringComparison.Ordinal);
        var close = open < 0 ? -1 : text.IndexOf('>', open);
        var id = (close < 0 ? text : text[(open + 1)..close]).Trim();
        return id.Length is > 0 and <= 900 && !id.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)) ? id : null;
    }

    private static string Shown(string text) => text.Length <= MaxSubject ? text : text[..(char.IsHighSurrogate(text[MaxSubject - 1]) ? MaxSubject - 1 : MaxSubject)];
}
