using System.Text;
using Postrider.Conversations;
using Postrider.Mail.Mime;
using Postrider.Storage;
using Postrider.Users;
using Postrider.Web;

namespace Postrider.IncomingMail;

/// <summary>What a person did with several messages: how many it worked for, and why not for the first it did not.</summary>
internal sealed record QuarantineDeed(int Done, int NotDone, Problem? Problem);

/// <summary>A quarantined message as its page shows it.</summary>
/// <param name="Header">As it came, made fit for a page; of a long one the beginning.</param>
/// <param name="Text">Its text, or what its HTML reads like; null when there is none.</param>
/// <param name="DiscardedBy">A user's name; null: it waits, or that user is gone.</param>
internal sealed record QuarantineDetail(QuarantinedMail Mail, string Header, string? Text, string? DiscardedBy);

/// <summary>Lists, shows and hands out quarantined messages, and does with several what <see cref="Intake"/> does with one. Pages and API call these same methods.</summary>
internal sealed class Quarantine(HubDatabase database, Bodies bodies, IntakeStore store, Intake intake)
{
    /// <summary>Of one request: each is a commit of its own.</summary>
    public const int MaxAtOnce = 500;
    private const int MaxHeaderChars = 64_000;
    private const int MaxTextChars = 20_000;

    public Task<IReadOnlyList<QuarantinedMail>> ListAsync(bool discarded, IncomingMailId? before, int limit, CancellationToken cancel) => database.ReadAsync(r => store.Quarantined(r, discarded, before, limit), cancel);

    /// <summary>How many wait.</summary>
    public Task<long> CountAsync(CancellationToken cancel) => database.ReadAsync(store.CountQuarantined, cancel);

    public Task<long> CountDiscardedAsync(CancellationToken cancel) => database.ReadAsync(store.CountDiscarded, cancel);

    public Task<QuarantinedMail?> FindAsync(IncomingMailId id, CancellationToken cancel) => database.ReadAsync(r => store.FindQuarantined(r, id), cancel);

    /// <summary>The message as it came.</summary>
    /// <returns>Null when there is no such message.</returns>
    public async Task<OpenedFile?> OriginalAsync(IncomingMailId id, CancellationToken cancel)
    {
        var mail = await database.ReadAsync(r => store.FindQuarantined(r, id) is null ? null : store.Find(r, id), cancel);
        return mail is null ? null : new OpenedFile($"message-{id}.eml", "message/rfc822", await bodies.ReadAsync(mail.RawBody, cancel));
    }

    /// <returns>Null when there is no such message.</returns>
    public async Task<QuarantineDetail?> DetailAsync(IncomingMailId id, CancellationToken cancel)
    {
        var (mail, by) = await database.ReadAsync(r => store.FindQuarantined(r, id) is { } found ? (found, found.DiscardedBy is { } user ? PersonStore.Find(r, user)?.Name : null) : (null, null), cancel);
        if (mail is null) return null;
        try
        {
            var message = MimeMessage.Read((await OriginalAsync(id, cancel))!.Bytes);
            var header = Encoding.UTF8.GetString(message.Root.RawHeaders.Span[..Math.Min(message.Root.RawHeaders.Length, MaxHeaderChars)]);
            return new(mail, string.Concat(header.Where(c => !char.IsControl(c) || c is '\n' or '\t')), (message.TextBody ?? (message.HtmlBody is { } html ? SafeHtml.From(html).Text : null)) is { } text ? (text.Length > MaxTextChars ? text[..MaxTextChars] + "…" : text) : null, by);
        }
        catch (InvalidDataException)
        {
            // Its bytes are damaged on the disk: what is known of it is shown all the same.
            return new(mail, "", null, by);
        }
    }

    public Task<QuarantineDeed> ProcessAsync(IReadOnlyList<Guid> ids, CancellationToken cancel) => EachAsync(ids, id => intake.ProcessAgainAsync(id, cancel));

    /// <param name="conversation">Null: a new one.</param>
    /// <param name="inbox">Where a new one stands; null: in none.</param>
    public Task<QuarantineDeed> SendAsync(IReadOnlyList<Guid> ids, Guid? conversation, Guid? inbox, Viewer by, CancellationToken cancel) =>
        EachAsync(ids, id => intake.SendToAsync(id, conversation is { } chosen ? new ConversationId(chosen) : null, inbox is { } named ? new InboxId(named) : null, by, cancel));

    public Task<QuarantineDeed> DiscardAsync(IReadOnlyList<Guid> ids, Viewer by, CancellationToken cancel) => EachAsync(ids, id => intake.DiscardAsync(id, by, cancel));

    public Task<QuarantineDeed> RestoreAsync(IReadOnlyList<Guid> ids, Viewer by, CancellationToken cancel) => EachAsync(ids, id => intake.RestoreAsync(id, by, cancel));

    private static async Task<QuarantineDeed> EachAsync(IReadOnlyList<Guid> ids, Func<IncomingMailId, Task<Problem?>> deed)
    {
        if (ids.Count == 0) return new(0, 0, IncomingMailProblems.NothingChosen());
        var (done, not, first) = (0, 0, (Problem?)null);
        foreach (var id in ids.Distinct().Take(MaxAtOnce))
        {
            if (await deed(new IncomingMailId(id)) is { } problem)
            {
                not++;
                first ??= problem;
            }
            else
            {
                done++;
            }
        }
        return new(done, not, first);
    }
}
