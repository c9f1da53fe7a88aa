using Postrider.Storage;

namespace Postrider.Journal;

/// <summary>What ends soon, and how far it was told.</summary>
internal sealed record SeenEnding(Ending Ending, EndNotice? Told);

/// <summary>All SQL of <see cref="EndNotice"/>, beside what ends now.</summary>
internal sealed class EndingBoard(HubDatabase database, IEnumerable<IEndings> endings)
{
    /// <summary>The nearest end first.</summary>
    public Task<IReadOnlyList<SeenEnding>> ReadAsync(CancellationToken cancellationToken) => database.ReadAsync(Read, cancellationToken);

    public IReadOnlyList<SeenEnding> Read(HubReader reader)
    {
        var told = Told(reader);
        return [.. endings.SelectMany(side => side.Of(reader)).OrderBy(ending => ending.EndsAt).Select(ending => new SeenEnding(ending, told.FirstOrDefault(one => one.IsOf(ending))))];
    }

    public static IReadOnlyList<EndNotice> Told(HubReader reader) => [.. reader.Query<Row>("SELECT what, name, ends_at, days, told_at FROM end_notice").Select(row => new EndNotice(row.What, row.Name, row.EndsAt, row.Days, row.ToldAt))];

    public static void Put(HubTransaction transaction, Ending ending, int days) => transaction.Execute(
        "INSERT INTO end_notice(what, name, ends_at, days, told_at) VALUES(@What, @Name, @EndsAt, @days, @now) ON CONFLICT(what) DO UPDATE SET name = excluded.name, ends_at = excluded.ends_at, days = excluded.days, told_at = excluded.told_at",
        new { ending.What, ending.Name, ending.EndsAt, days, now = transaction.Now });

    public static void Remove(HubTransaction transaction, EndNotice told) => transaction.Execute("DELETE FROM end_notice WHERE what = @What AND ends_at = @EndsAt", new { told.What, told.EndsAt });

    private sealed record Row
    {
        public string What { get; init; } = "";
        public string Name { get; init; } = "";
        public DateTimeOffset EndsAt { get; init; }
        public int Days { get; init; }
        public DateTimeOffset ToldAt { get; init; }
    }
}

/// <summary>Writes to the administrators 60, 30, 7 and 1 days before something ends, once each, and once more when it was replaced. Mail and mark are one transaction, so that no restart repeats one.</summary>
internal sealed partial class EndingNotices(HubDatabase database, EndingBoard board, INotices notices, JournalWriter journal, TimeProvider clock, ILogger<EndingNotices> log)
    // Whoever has replaced something hears soon that it was seen; and a notice that no server could carry is tried again.
    : Rounds(TimeSpan.FromMinutes(10), atOnce: false, clock)
{
    protected override Task RoundAsync(CancellationToken cancellationToken) => TellAsync(cancellationToken);

    protected override void Failed(Exception failure) => RoundFailed(log, failure);

    internal async Task TellAsync(CancellationToken cancellationToken)
    {
        var (endings, told) = await database.ReadAsync(reader => (board.Read(reader), EndingBoard.Told(reader)), cancellationToken);
        foreach (var gone in told.Where(one => !endings.Any(seen => one.IsOf(seen.Ending))))
            await notices.TellAdministratorsAsync(EndingWords.TakenBack(gone), tx => EndingBoard.Remove(tx, gone), cancellationToken);

        var now = Clock.GetUtcNow();
        foreach (var (ending, earlier) in endings)
        {
            if (EndingRules.Due(ending.EndsAt, earlier, now) is not { } days) continue;
            await notices.TellAdministratorsAsync(
                EndingWords.NoticeOf(ending, now),
                tx =>
                {
                    EndingBoard.Put(tx, ending, days);
                    journal.Write(tx, "end-announced", IncidentStore.Topic, null, ending.Problem.What, null);
                },
                cancellationToken);
        }
    }

    [LoggerMessage(1102, LogLevel.Error, "What ends soon: the administrators could not be told; tried again in ten minutes")]
    private static partial void RoundFailed(ILogger log, Exception failure);
}
