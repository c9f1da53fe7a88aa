using Postrider.Web;
using T = Postrider.IncomingMail.IncomingMailTexts;

namespace Postrider.IncomingMail;

/// <summary>What the forms of the two quarantine pages post: <c>do</c>, and for <em>Send to</em> a target.</summary>
internal static class QuarantineForm
{
    public const string Existing = "existing";

    public static async Task<QuarantineDeed> DoAsync(IFormCollection form, IReadOnlyList<Guid> ids, Quarantine quarantine, Viewer by, CancellationToken cancel)
    {
        switch (form["do"].ToString())
        {
            case "process": return await quarantine.ProcessAsync(ids, cancel);
            case "discard": return await quarantine.DiscardAsync(ids, by, cancel);
            case "restore": return await quarantine.RestoreAsync(ids, by, cancel);
            case "send":
                var target = form["target"].ToString();
                if (target == Existing)
                    return ConversationIn(form["conversation"]) is { } conversation ? await quarantine.SendAsync(ids, conversation, null, by, cancel) : new QuarantineDeed(0, ids.Count, IncomingMailProblems.NoTarget());
                return await quarantine.SendAsync(ids, null, Guid.TryParse(target, out var inbox) ? inbox : null, by, cancel);
            default: return new QuarantineDeed(0, ids.Count, IncomingMailProblems.NoTarget());
        }
    }

    public static string Said(string? deed, int count) => (deed, count) switch
    {
        ("process", 1) => T.ProcessedAgain,
        ("process", _) => T.DidProcess.With(count),
        ("discard", 1) => T.DidDiscardOne,
        ("discard", _) => T.DidDiscard.With(count),
        ("restore", 1) => T.DidRestoreOne,
        ("restore", _) => T.DidRestore.With(count),
        (_, 1) => T.DidSendOne,
        _ => T.DidSend.With(count),
    };

    /// <summary>An id, or an address of a conversation's page as one copies it out of the browser.</summary>
    private static Guid? ConversationIn(string? text)
    {
        var last = (text ?? "").Trim().Split('#', '?')[0].TrimEnd('/').Split('/')[^1];
        return Guid.TryParse(last, out var id) ? id : null;
    }
}
