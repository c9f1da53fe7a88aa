using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What came of saving. Either a draft, or what is wrong with which field; both null: what was written has been sent meanwhile, or it was empty.</summary>
internal sealed record SaveResult(KeptDraft? Draft, Problem? Problem, IReadOnlyDictionary<string, string> Errors)
{
    public static readonly SaveResult Nothing = new(null, null, new Dictionary<string, string>());

    public static SaveResult Refused(IReadOnlyDictionary<string, string> errors) => new(null, ConversationsProblems.NotSent(errors), errors);
}

/// <summary>Keeps what people write until it is sent. Pages and API call these same methods.</summary>
internal sealed class Drafts(HubDatabase database, Bodies bodies, DraftStore store, ConversationStore conversations, Correspondence correspondence, OutboxStore mails, TimeProvider clock)
{
    public Task<IReadOnlyList<KeptDraft>> ListAsync(Viewer viewer, CancellationToken cancel) => database.ReadAsync(r => store.List(r, viewer.UserId), cancel);

    public Task<KeptDraft?> FindAsync(Viewer viewer, Guid id, CancellationToken cancel) => database.ReadAsync(r => store.Find(r, viewer.UserId, id), cancel);

    public Task<KeptDraft?> FindOfAsync(Viewer viewer, ConversationId conversation, CancellationToken cancel) => database.ReadAsync(r => store.FindOf(r, viewer.UserId, conversation), cancel);

    /// <summary>Of a form: the conversation's, or by the form's key.</summary>
    public Task<KeptDraft?> FindWithAsync(Viewer viewer, ConversationId? conversation, string onceKey, CancellationToken cancel) => database.ReadAsync(r => Existing(r, viewer, conversation, onceKey), cancel);

    /// <summary>Saves the fields, and adds files.</summary>
    /// <param name="kept">Files that stay; null: all.</param>
    public async Task<SaveResult> SaveAsync(Viewer viewer, ConversationId? conversation, string onceKey, PostedFields fields, IReadOnlySet<Guid>? kept, IReadOnlyList<NewDraftFile> files, CancellationToken cancel)
    {
        if (IsTooLarge(files)) return SaveResult.Refused(TooLarge());
        return await SaveAsync(viewer, conversation, onceKey, fields, kept, await StoreAsync(files, cancel), cancel);
    }

    // Files are stored; when nothing of this is saved they go again.
    private async Task<SaveResult> SaveAsync(Viewer viewer, ConversationId? conversation, string onceKey, PostedFields fields, IReadOnlySet<Guid>? kept, List<UploadedFile> stored, CancellationToken cancel)
    {
        try
        {
            var result = fields.TooLong() is { Count: > 0 } tooLong ? SaveResult.Refused(tooLong) : await database.WriteAsync(tx =>
            {
                var existing = Existing(tx, viewer, conversation, onceKey);
                // A form that saves by itself may come after the same form was sent.
                if (conversation is { } answered && conversations.Find(tx, answered) is null || mails.FindByKey(tx, KeyOf(viewer, existing?.OnceKey ?? onceKey)) is not null) return SaveResult.Nothing;
                var staying = (existing?.Files ?? []).Where(file => kept?.Contains(file.Id) != false).ToList();
                if (existing is null && fields.IsEmpty && stored.Count == 0) return SaveResult.Nothing;
                if (staying.Sum(file => file.Body.Length) + stored.Sum(file => file.Body.Length) > correspondence.MaxFilesBytes) return SaveResult.Refused(TooLarge());
                if (staying.Count + stored.Count > OutgoingMessageRules.MaxFiles) return SaveResult.Refused(new Dictionary<string, string> { ["attachments"] = ConversationsTexts.TooManyAttachments.With(OutgoingMessageRules.MaxFiles) });
                foreach (var gone in (existing?.Files ?? []).Except(staying)) DraftStore.DeleteFile(tx, gone);
                var id = store.Put(tx, viewer.UserId, existing?.Id, conversation, onceKey, fields);
                foreach (var file in stored) store.PutFile(tx, id, file);
                return new SaveResult(store.Find(tx, viewer.UserId, id), null, new Dictionary<string, string>());
            }, cancel);
            if (result.Draft is null) await DropAsync(stored);
            return result;
        }
        catch
        {
            await DropAsync(stored);
            throw;
        }
    }

    /// <summary>What a form posted: saved when that was asked for, or when it cannot be sent; else sent, with the files its draft holds.</summary>
    public async Task<(SendResult? Sent, SaveResult? Saved)> TakeAsync(Viewer viewer, ConversationId? conversation, PostedComposition posted, CancellationToken cancel)
    {
        var onceKey = posted.OnceKey ?? Ids.New(clock).ToString("N");
        if (IsTooLarge(posted.Files)) return (NotSent(TooLarge()), null);
        if (posted.SaveOnly) return (null, await SaveAsync(viewer, conversation, onceKey, posted.Fields, posted.Kept, posted.Files, cancel));
        if (await correspondence.SentWithAsync(viewer, onceKey, cancel) is { } stands) return (new SendResult(stands, null, new Dictionary<string, string>()), null);

        var draft = await database.ReadAsync(r => Existing(r, viewer, conversation, onceKey), cancel);
        var stored = await StoreAsync(posted.Files, cancel);
        var isOwned = false;
        try
        {
            var result = await SendAsync(viewer, conversation, draft, posted.Fields, posted.Kept, stored, onceKey, cancel);
            if (result.Conversation is not null)
            {
                isOwned = true;
                return (result, null);
            }

            // The same form sent twice at one time: the other one was sent.
            if (await correspondence.SentWithAsync(viewer, onceKey, cancel) is { } other) return (new SendResult(other, null, new Dictionary<string, string>()), null);
            isOwned = true;
            return (result, await SaveAsync(viewer, conversation, onceKey, posted.Fields, posted.Kept, stored, cancel));
        }
        finally
        {
            if (!isOwned) await DropAsync(stored);
        }
    }

    /// <summary>Sends a draft as it is.</summary>
    /// <returns>Null when there is no such draft.</returns>
    public async Task<SendResult?> SendAsync(Viewer viewer, Guid id, CancellationToken cancel)
    {
        if (await FindAsync(viewer, id, cancel) is not { } draft) return null;
        return await SendAsync(viewer, draft.Conversation, draft, new PostedFields(draft.To, draft.Cc, draft.Bcc, draft.Subject, draft.Text, draft.WithQuote), draft.Files.Select(file => file.Id).ToHashSet(), [], draft.OnceKey, cancel);
    }

    /// <returns>False when there is no such draft.</returns>
    public Task<bool> DiscardAsync(Viewer viewer, Guid id, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        if (store.Find(tx, viewer.UserId, id) is not { } draft) return false;
        DraftStore.Delete(tx, draft);
        return true;
    }, cancel);

    /// <returns>False when there is no such draft or file.</returns>
    public Task<bool> RemoveFileAsync(Viewer viewer, Guid id, Guid file, CancellationToken cancel) => database.WriteAsync(tx =>
    {
        if (store.Find(tx, viewer.UserId, id)?.Files.FirstOrDefault(f => f.Id == file) is not { } found) return false;
        DraftStore.DeleteFile(tx, found);
        return true;
    }, cancel);

    private async Task<SendResult> SendAsync(Viewer viewer, ConversationId? conversation, KeptDraft? draft, PostedFields fields, IReadOnlySet<Guid> kept, IReadOnlyList<UploadedFile> added, string onceKey, CancellationToken cancel)
    {
        // All of them lie in the store: what goes as a download link is not read at all.
        List<UploadedFile> files = [.. (draft?.Files ?? []).Where(file => kept.Contains(file.Id)).Select(file => new UploadedFile(new DraftAttachment(file.FileName, file.MediaType, default), file.Body)), .. added];
        var written = new CompositionDraft(fields.To, fields.Cc, fields.Subject, fields.Text, null, [.. files.Select(file => file.File)]) { Bcc = fields.Bcc, WithQuote = fields.WithQuote, Stored = [.. files.Select(file => file.Body)] };
        return conversation is { } answered
            ? await correspondence.AnswerAsync(answered, written, viewer, onceKey, cancel, draft)
            : await correspondence.ComposeAsync(written, viewer, onceKey, cancel, draft);
    }

    private KeptDraft? Existing(HubReader reader, Viewer viewer, ConversationId? conversation, string onceKey) =>
        conversation is { } answered ? store.FindOf(reader, viewer.UserId, answered) : store.FindWith(reader, viewer.UserId, onceKey);

    private bool IsTooLarge(IReadOnlyList<NewDraftFile> files) => files.Sum(file => file.Length) > correspondence.MaxFilesBytes;

    private Dictionary<string, string> TooLarge() => new() { ["attachments"] = Composition.TooLarge(correspondence.MaxFilesBytes) };

    private static SendResult NotSent(IReadOnlyDictionary<string, string> errors) => new(null, ConversationsProblems.NotSent(errors), errors);

    internal static string KeyOf(Viewer viewer, string onceKey) => $"{viewer.UserId:D}:{onceKey}";

    private async Task<List<UploadedFile>> StoreAsync(IReadOnlyList<NewDraftFile> files, CancellationToken cancel)
    {
        List<UploadedFile> stored = [];
        try
        {
            foreach (var file in files)
            {
                var named = Composition.Named(new DraftAttachment(file.FileName, file.MediaType, default), stored.Count);
                await using var bytes = file.Open();
                stored.Add(new UploadedFile(named, await bodies.PutAsync(bytes, cancel)));
            }

            return stored;
        }
        catch
        {
            await DropAsync(stored);
            throw;
        }
    }

    private async Task DropAsync(List<UploadedFile> stored)
    {
        foreach (var file in stored) await bodies.DropAsync(file.Body.Id);
    }
}
