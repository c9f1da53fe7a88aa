using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Postrider.Mail;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>What putting came to. With a problem nothing was stored.</summary>
/// <param name="MessageId">Without angle brackets; null with a problem.</param>
internal sealed record PutResult(OutboxMailId? Id, string? MessageId, Problem? Problem);

/// <summary>Takes messages to send: docs/flows/send-a-mail.md, steps 1 to 3. What it took survives a power cut. Here: messages that the hub writes itself; Outbox.Submitted has those that other programs wrote.</summary>
internal sealed partial class Outbox(HubDatabase database, Bodies bodies, OutboxStore store, OutgoingServerStore servers, ServerChooser chooser, SystemParameters parameters, SuppressionStore suppressions, DownloadLinks links, DownloadLinkStore linkStore, OutboxSignal signal, DiskSpace space, TimeProvider clock)
{
    // A larger one is stored chunk by chunk before its row, so that other writes get their turn between.
    private const int InOneWrite = 1024 * 1024;

    /// <summary>The largest message this hub takes, in bytes on the wire.</summary>
    public long MaxBytes => OutgoingMessageRules.MaxBytes(parameters);

    /// <summary>Of all files of a mail together, as links or not.</summary>
    public long MaxFilesBytes => parameters.MaxFilesBytes;

    /// <summary>Null: there is room for more mail.</summary>
    public Problem? NoRoom => space.IsLow ? OutgoingMailProblems.StorageLow(space.Free) : null;

    /// <param name="inSameTransaction">Told the mail's id and Message-ID in the transaction that stores it, so that the caller's own rows commit with it. SQL only; may run again. Not called for a repetition of an idempotency key.</param>
    public async Task<PutResult> PutAsync(OutgoingMessage message, Action<HubTransaction, OutboxMailId, string>? inSameTransaction, CancellationToken cancellationToken)
    {
        try
        {
            return await PutMessageAsync(message, inSameTransaction, cancellationToken);
        }
        catch (DbException failure) when (WebProblems.OfStorage(failure) is { } problem)
        {
            return new(null, null, problem);
        }
    }

    private async Task<PutResult> PutMessageAsync(OutgoingMessage message, Action<HubTransaction, OutboxMailId, string>? inSameTransaction, CancellationToken cancellationToken)
    {
        // 1 what enters is checked
        if (OutgoingMessageRules.Check(message, MaxBytes, MaxFilesBytes) is { } problem) return new(null, null, problem);
        var requestHash = message.IdempotencyKey is null ? null : RequestHash(message);
        if (await RepeatedAsync(message, requestHash, cancellationToken) is { } earlier) return earlier;
        if (NoRoom is { } full) return new(null, null, full);

        // 2 the server and the sender are chosen
        var (decision, server) = await ChooseAsync(message, cancellationToken);
        if (server is null) return new(null, null, decision.Problem);

        // Files that make it too large for its server go as links.
        var now = clock.GetUtcNow();
        var expiresAt = (message.SendAt > now ? message.SendAt.Value : now) + parameters.DownloadLinkLife;
        var linked = await links.MakeAsync(message, LinkedFiles.Of(message, LinkedFiles.LimitOf(server, parameters)), cancellationToken);
        if (linked.Count > 0) message = LinkedFiles.WithLinks(message, linked, expiresAt);
        message = await WithBytesAsync(message, cancellationToken);

        var id = new OutboxMailId(Ids.New(clock));
        var messageId = message.MessageId ?? NewMessageId(id, decision);
        byte[] bytes;
        try
        {
            bytes = OutgoingMessageRules.Draft(message, decision, messageId, id.Value, now).Write();
        }
        catch (FormatException wrong)
        {
            return new(null, null, OutgoingMailProblems.HeaderInvalid(wrong.Message));
        }

        if (TooLarge(bytes.Length, server) is { } tooLarge) return new(null, null, tooLarge);

        // 3 the mail and whatever belongs to it are stored in one transaction; the caller's acknowledgement follows the commit
        Guid? streamed = bytes.Length > InOneWrite ? (await bodies.PutAsync(new MemoryBody(bytes), cancellationToken)).Id : null;
        return await StoreAsync(id, message, decision, messageId, bytes, streamed, bytes.Length, requestHash, tx =>
        {
            linkStore.Put(tx, id, linked, expiresAt);
            inSameTransaction?.Invoke(tx, id, messageId);
        }, cancellationToken);
    }

    /// <summary>What goes within the mail is no larger than a mail may be: it is read where it was only stored.</summary>
    private async Task<OutgoingMessage> WithBytesAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        var files = message.Attachments.ToArray();
        for (var place = 0; place < files.Length; place++)
            if (files[place].Bytes.IsEmpty && message.StoredFiles.ElementAtOrDefault(place) is { } stored) files[place] = files[place] with { Bytes = await bodies.ReadAsync(stored.Id, cancellationToken) };
        return message with { Attachments = files };
    }

    private async Task<(ServerDecision Decision, OutgoingServer? Server)> ChooseAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        var candidates = await servers.RosterAsync(cancellationToken);
        var decision = chooser.Decide(new SenderQuestion(message.From, message.Creator, message.Server, message.Mailing, message.EnvelopeFrom) { NullEnvelope = message.NullEnvelope || message.Report is not null }, candidates);
        return (decision, decision.Server is { } chosen ? candidates.First(server => server.Id == chosen.Id) : null);
    }

    /// <param name="streamed">Where the bytes are stored already; null: they are <paramref name="bytes"/>.</param>
    private Task<PutResult> StoreAsync(
        OutboxMailId id, OutgoingMessage message, ServerDecision decision, string messageId, ReadOnlyMemory<byte> bytes, Guid? streamed, long size, byte[]? requestHash, Action<HubTransaction> inSameTransaction, CancellationToken cancellationToken)
    {
        var key = KeyOf(message);
        return database.WriteAsync(tx =>
        {
            // Two requests with one key may come at the same time.
            if (key is not null && store.FindByKey(tx, key) is { } first) return Instead(Repeated(first, requestHash!));
            // A recipient that is suppressed is not offered; without any other nothing is put.
            var suppressed = suppressions.Among(tx, message.Recipients.Select(recipient => recipient.Address));
            if (suppressed.Count > 0 && message.Recipients.All(recipient => suppressed.ContainsKey(recipient.Address.Normalized))) return Instead(new PutResult(null, null, OutgoingMailProblems.AllSuppressed(suppressed.Values)));
            store.Put(tx, id, message, decision, messageId, streamed ?? bodies.Put(tx, bytes), size, key, requestHash);
            if (suppressed.Count > 0) SuppressionStore.Hold(tx, id, store.Recipients(tx, id), suppressed);
            inSameTransaction(tx);
            tx.AfterCommit(() => signal.Wake(decision.Server!.Id));
            return new PutResult(id, messageId, null);

            PutResult Instead(PutResult answer)
            {
                if (streamed is { } unused) Bodies.Delete(tx, unused);
                return answer;
            }
        }, cancellationToken);
    }

    private async Task<PutResult?> RepeatedAsync(OutgoingMessage message, byte[]? requestHash, CancellationToken cancellationToken) =>
        KeyOf(message) is { } key && await database.ReadAsync(reader => store.FindByKey(reader, key), cancellationToken) is { } earlier ? Repeated(earlier, requestHash!) : null;

    private Problem? TooLarge(long size, OutgoingServer server) =>
        size > MaxBytes ? OutgoingMailProblems.TooLarge(size, MaxBytes, "this hub")
        : server.SizeLimit is > 0 and var limit && size > limit ? OutgoingMailProblems.TooLarge(size, limit, $"the server “{server.Name}”")
        : null;

    private static string? KeyOf(OutgoingMessage message) => message.IdempotencyKey is { } given ? $"{message.Creator?.ToString("D") ?? "system"}:{given}" : null;

    private static string NewMessageId(OutboxMailId id, ServerDecision decision)
    {
        var from = decision.HeaderFrom.Address.Wire;
        return $"{id.Value:N}@{from[(from.LastIndexOf('@') + 1)..]}";
    }

    private static PutResult Repeated((OutboxMailId Id, string MessageId, byte[]? RequestHash) earlier, byte[] requestHash) =>
        earlier.RequestHash is { } hash && hash.AsSpan().SequenceEqual(requestHash) ? new(earlier.Id, earlier.MessageId, null) : new(null, null, OutgoingMailProblems.KeyReused);

    /// <summary>Equal for requests that mean the same message.</summary>
    private static byte[] RequestHash(OutgoingMessage message)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string? text)
        {
            var bytes = Encoding.UTF8.GetBytes(text ?? "");
            hash.AppendData(BitConverter.GetBytes(text is null ? -1 : bytes.Length));
            hash.AppendData(bytes);
        }

        foreach (var list in (ReadOnlySpan<IReadOnlyList<NamedAddress>>)[[message.From], message.To, message.Cc, message.Bcc, message.ReplyTo is null ? [] : [message.ReplyTo]])
        {
            hash.AppendData(BitConverter.GetBytes(list.Count));
            foreach (var address in list) Add(address.ToString());
        }

        foreach (var text in (ReadOnlySpan<string?>)[message.Subject, message.Text, message.Html, message.InReplyTo, string.Join(' ', message.References), message.MessageId]) Add(text);
        // Only where they were asked for: keys that came before them keep their meaning.
        if (message.Mailing || message.Server is not null || message.EnvelopeFrom is not null)
            foreach (var text in (ReadOnlySpan<string?>)[message.Mailing ? "mailing" : null, message.Server?.Value.ToString("D"), message.EnvelopeFrom?.Normalized]) Add(text);
        if (message.SendAt is not null || message.Lane != OutboxLane.Usual || message.ReportTo is not null)
            foreach (var text in (ReadOnlySpan<string?>)[message.SendAt?.ToString("O", CultureInfo.InvariantCulture), message.Lane.Word(), message.ReportTo?.Normalized]) Add(text);
        for (var place = 0; place < message.Attachments.Count; place++)
        {
            var file = message.Attachments[place];
            Add(file.FileName);
            Add(file.MediaType);
            Add(file.ContentId);
            hash.AppendData(message.StoredFiles.ElementAtOrDefault(place)?.Sha256 ?? SHA256.HashData(file.Bytes.Span));
        }

        return hash.GetHashAndReset();
    }
}
