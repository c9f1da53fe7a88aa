using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>When the turn of a waiting mail will come: after those before it, as the budget of its mailbox allows.</summary>
internal sealed class SendingForecast(OutboxStore store, OutgoingServerStore servers, SendingBudgets budgets)
{
    // Beyond that the answer is "not soon", and counting on would cost more than it tells.
    private const int CountedBefore = 20_000;

    /// <returns>Null when it does not wait, or nobody can tell.</returns>
    public DateTimeOffset? Of(HubReader reader, OutboxMail mail)
    {
        if (mail.NextTry is not { } next || servers.Roster(reader).FirstOrDefault(server => server.Id == mail.ServerId) is not { } server) return null;
        var (limits, ofTheMinute) = budgets.StateOf(reader, server);
        return At(next > reader.Now ? next : reader.Now, limits.MessagesPerMinute, ofTheMinute, store.Before(reader, mail.Id, CountedBefore));
    }

    /// <summary>The window of a minute is filled, then the next. Pure.</summary>
    /// <param name="earliest">It goes no sooner.</param>
    /// <param name="perMinute">Null: no limit, its turn comes at once.</param>
    /// <param name="used">Messages within the last minute.</param>
    /// <param name="before">Mails that go first.</param>
    public static DateTimeOffset At(DateTimeOffset earliest, int? perMinute, int used, int before) =>
        perMinute is not { } limit ? earliest : earliest.AddMinutes(Math.Floor((Math.Min(used, limit) + before) / (double)limit));
}
