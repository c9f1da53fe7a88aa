using System.Text.Json;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Journal;

/// <summary>A folder whose servers rest for incidents.</summary>
internal interface IRestsForIncidents
{
    bool Rests(HubReader reader, Guid incident);

    /// <summary>The incident has ended: what rested for it is tried at once.</summary>
    void Resume(HubTransaction transaction, Guid incident);
}

/// <summary>Opens and ends incidents, in the transaction of whoever found out. All SQL of incidents.</summary>
internal sealed class IncidentStore(JournalWriter journal, LiveEvents live, IEnumerable<IRestsForIncidents> resting, TimeProvider clock)
{
    /// <summary>The journal's subject, and the topic of pages that show incidents.</summary>
    public const string Topic = "incident";
    public const int ListLimit = 100;

    private const string Columns = "id, cause, about, about_key, problem, needs_person, first_seen_at, last_seen_at, times, ended_at, ended_how, ended_by";

    /// <summary>The cause was seen: a new incident, or the open one once more, or one that has just ended and comes back.</summary>
    public Guid Open(HubTransaction transaction, IncidentCause cause, Problem problem)
    {
        var args = new
        {
            id = Ids.New(clock), cause = cause.ToString(), about = cause.Word, key = cause.Key, problem = JsonSerializer.Serialize(problem), needsPerson = IncidentRules.NeedsPerson(problem),
            now = transaction.Now, recently = transaction.Now - IncidentRules.SameAgain,
        };
        transaction.AfterCommit(() => live.Publish(Topic));
        var known = transaction.QueryFirstOrDefault<IdRow>("UPDATE incident SET problem = @problem, needs_person = @needsPerson, last_seen_at = @now, times = times + 1 WHERE cause = @cause AND ended_at IS NULL RETURNING id", args)
            ?? transaction.QueryFirstOrDefault<IdRow>(
                """
                UPDATE incident SET problem = @problem, needs_person = @needsPerson, last_seen_at = @now, times = times + 1, ended_at = NULL, ended_how = NULL, ended_by = NULL
                WHERE id = (SELECT id FROM incident WHERE cause = @cause AND ended_at >= @recently AND end_told_at IS NULL ORDER BY ended_at DESC LIMIT 1) RETURNING id
                """, args);
        if (known is not null) return known.Id;
        transaction.Execute(
            "INSERT INTO incident(id, cause, about, about_key, problem, needs_person, first_seen_at, last_seen_at, times) VALUES(@id, @cause, @about, @key, @problem, @needsPerson, @now, @now, 1)", args);
        journal.Write(transaction, "incident-opened", Topic, args.id, $"{problem.What} {problem.Remedy}", null);
        return args.id;
    }

    /// <summary>The cause is gone. Nothing happens when it has ended already.</summary>
    public void End(HubTransaction transaction, Guid id, IncidentEnd how, Guid? byUser)
    {
        var ended = transaction.QueryFirstOrDefault<Row>($"UPDATE incident SET ended_at = @now, ended_how = @how, ended_by = @byUser WHERE id = @id AND ended_at IS NULL RETURNING {Columns}",
            new { id, now = transaction.Now, how = IncidentRules.Word(how), byUser });
        foreach (var side in resting) side.Resume(transaction, id);
        if (ended is not null) journal.Write(transaction, "incident-ended", Topic, id, $"Over: {ended.ToIncident().Problem.What}", byUser);
    }

    /// <summary>Ends all that lies in this application, account or the like.</summary>
    /// <param name="key">Null: whichever.</param>
    public void EndAbout(HubTransaction transaction, IncidentAbout about, string? key, IncidentEnd how, Guid? byUser)
    {
        foreach (var open in transaction.Query<IdRow>($"SELECT id FROM incident WHERE about = @about {(key is null ? "" : "AND about_key = @key")} AND ended_at IS NULL", new { about = IncidentCause.WordOf(about), key }))
            End(transaction, open.Id, how, byUser);
    }

    /// <summary>A server rests for it no longer, for whatever reason: with its last server it is over.</summary>
    public void Left(HubTransaction transaction, Guid id, IncidentEnd how, Guid? byUser)
    {
        if (Find(transaction, id) is not { EndedAt: null } open || IncidentRules.EndsByTokenOnly(open.Cause.About) || resting.Any(side => side.Rests(transaction, id))) return;
        End(transaction, id, how, byUser);
    }

    public Incident? Find(HubReader reader, Guid id) => reader.QueryFirstOrDefault<Row>($"SELECT {Columns} FROM incident WHERE id = @id", new { id })?.ToIncident();

    /// <summary>Those that need a person first, then the newest.</summary>
    public IReadOnlyList<Incident> Open(HubReader reader) =>
        [.. reader.Query<Row>($"SELECT {Columns} FROM incident WHERE ended_at IS NULL ORDER BY needs_person DESC, id DESC LIMIT {ListLimit}").Select(row => row.ToIncident())];

    /// <summary>Newest first.</summary>
    /// <param name="before">The last id of the page before; null for the first.</param>
    public IReadOnlyList<Incident> Past(HubReader reader, Guid? before, int limit) =>
        [.. reader.Query<Row>($"SELECT {Columns} FROM incident WHERE ended_at IS NOT NULL {(before is null ? "" : "AND id < @before")} ORDER BY id DESC LIMIT @limit", new { before, limit }).Select(row => row.ToIncident())];

    /// <summary>Open incidents that somebody has to be told of now.</summary>
    public IReadOnlyList<Incident> ToTell(HubReader reader) =>
    [
        .. reader.Query<Row>($"SELECT {Columns} FROM incident WHERE ended_at IS NULL AND needs_person = 1 AND told_at IS NULL AND first_seen_at <= @before ORDER BY id LIMIT {ListLimit}",
            new { before = reader.Now - IncidentRules.Patience }).Select(row => row.ToIncident()),
    ];

    /// <summary>Incidents that lasted, are over and will not come back as the same: somebody has to be told so.</summary>
    public IReadOnlyList<Incident> EndsToTell(HubReader reader) =>
    [
        .. reader.Query<Row>(
            $"SELECT {Columns} FROM incident WHERE ended_at <= @quietSince AND ended_at >= @notBefore AND needs_person = 1 AND end_told_at IS NULL AND ended_at - first_seen_at >= @patience ORDER BY id LIMIT {ListLimit}",
            new { quietSince = reader.Now - IncidentRules.SameAgain, notBefore = reader.Now - IncidentRules.News, patience = IncidentRules.Patience.Ticks / TimeSpan.TicksPerMicrosecond }).Select(row => row.ToIncident()),
    ];

    public static void Told(HubTransaction transaction, Incident incident) =>
        transaction.Execute(incident.EndedAt is null ? "UPDATE incident SET told_at = @now WHERE id = @Id AND told_at IS NULL" : "UPDATE incident SET end_told_at = @now WHERE id = @Id AND end_told_at IS NULL", new { incident.Id, now = transaction.Now });

    private sealed record IdRow
    {
        public Guid Id { get; init; }
    }

    private sealed record Row
    {
        public Guid Id { get; init; }
        public string Cause { get; init; } = "";
        public string About { get; init; } = "";
        public string AboutKey { get; init; } = "";
        public string Problem { get; init; } = "";
        public bool NeedsPerson { get; init; }
        public DateTimeOffset FirstSeenAt { get; init; }
        public DateTimeOffset LastSeenAt { get; init; }
        public long Times { get; init; }
        public DateTimeOffset? EndedAt { get; init; }
        public string? EndedHow { get; init; }
        public Guid? EndedBy { get; init; }

        public Incident ToIncident() => new()
        {
            Id = Id, Cause = new(Enum.GetValues<IncidentAbout>().First(about => IncidentCause.WordOf(about) == About), AboutKey, Cause[(About.Length + AboutKey.Length + 2)..]), Problem = JsonSerializer.Deserialize<Problem>(Problem)!,
            NeedsPerson = NeedsPerson, FirstSeenAt = FirstSeenAt, LastSeenAt = LastSeenAt, Times = Times, EndedAt = EndedAt, EndedHow = IncidentRules.EndOf(EndedHow), EndedBy = EndedBy,
        };
    }
}
