using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Doctor;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Mail.Smtp;
using Postrider.Mail.Tests;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Tests.Journal;

/// <summary>What is one incident, when it is another, and who is troubled by it.</summary>
public class IncidentTests : IAsyncLifetime
{
    private static readonly IncidentCause Secret = new(IncidentAbout.Application, "app", "outlook-secret-expired");
    private static readonly IncidentCause DeadHost = new(IncidentAbout.Host, "mail.example:587", "server-unreachable");
    private static readonly Problem NeedsSomebody = new("x", "It stands still.", null, "Mend it.", "administrator", false);
    private static readonly Problem Passes = NeedsSomebody with { Who = "nobody" };

    private readonly TemporaryFolder folder = new();
    private readonly FakeClock clock = new();
    private readonly Servers resting = new();
    private HubDatabase database = null!;
    private string? address;
    private IncidentStore incidents = null!;

    public async ValueTask InitializeAsync()
    {
        address = await TestDatabase.NewAsync();
        database = HubDatabase.Open(folder.Path, address, clock, NullLogger<HubDatabase>.Instance);
        var live = new LiveEvents(clock);
        incidents = new IncidentStore(new JournalWriter(clock, live), live, [resting], clock);
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await TestDatabase.DropAsync(address);
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void One_deed_mends_all_servers_of_one_cause()
    {
        var account = Guid.NewGuid();
        var tenant = Guid.NewGuid();
        ServerTies Server(string direction, string host, string mailbox, Guid? of) => new(direction, Guid.NewGuid(), host, 587, mailbox, of, of is null ? null : tenant, of is null ? null : "app");
        var (ann, annIn, ben, other) = (Server("outgoing", "smtp.example", "ann@a.example", account), Server("incoming", "imap.example", "ann@a.example", account), Server("outgoing", "smtp.example", "ben@a.example", Guid.NewGuid()), Server("outgoing", "other.example", "ann@a.example", null));
        var all = new[] { ann, annIn, ben, other };
        ServerTies[] Touched(FaultScope scope) => [.. all.Where(server => server.AreTouchedBy(new Diagnosis(NeedsSomebody, scope).CauseFor(ann)))];

        Assert.Equal([ann, annIn, ben], Touched(FaultScope.Application));
        Assert.Equal([ann, annIn, ben], Touched(FaultScope.Tenant));
        Assert.Equal([ann, annIn], Touched(FaultScope.Account));
        Assert.Equal([ann, ben], Touched(FaultScope.Host));
        Assert.Equal([ann, other], Touched(FaultScope.Server));
        Assert.Equal(all, Touched(FaultScope.Passing));
        Assert.Equal("host:smtp.example:587:x", new Diagnosis(NeedsSomebody, FaultScope.Host).CauseFor(ann).ToString());
    }

    [Fact]
    public async Task A_cause_is_one_incident_however_often_it_is_seen()
    {
        var first = await OpenAsync(DeadHost, Passes);
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(first, await OpenAsync(DeadHost, NeedsSomebody));
        Assert.NotEqual(first, await OpenAsync(Secret, NeedsSomebody));
        var seen = (await database.ReadAsync(reader => incidents.Find(reader, first)))!;
        Assert.Equal((2L, true, DeadHost), (seen.Times, seen.NeedsPerson, seen.Cause));
        Assert.Equal(TimeSpan.FromDays(1), seen.LastSeenAt - seen.FirstSeenAt);
        Assert.Equal(2, await JournalAsync("incident-opened"));
    }

    [Fact]
    public async Task What_wavers_within_ten_minutes_is_the_same_incident_and_later_another()
    {
        var first = await OpenAsync(DeadHost, NeedsSomebody);
        for (var n = 0; n < 5; n++)
        {
            await database.WriteAsync(tx => incidents.End(tx, first, IncidentEnd.ByItself, null));
            clock.Advance(TimeSpan.FromMinutes(9));
            Assert.Equal(first, await OpenAsync(DeadHost, NeedsSomebody));
        }

        await database.WriteAsync(tx => incidents.End(tx, first, IncidentEnd.ByItself, null));
        clock.Advance(TimeSpan.FromMinutes(11));
        Assert.NotEqual(first, await OpenAsync(DeadHost, NeedsSomebody));
        Assert.Equal(2, await database.ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM incident")));
    }

    [Fact]
    public async Task Its_end_resumes_what_rested_for_it_once_and_says_by_what()
    {
        var id = await OpenAsync(Secret, NeedsSomebody);
        var user = Guid.NewGuid();
        await database.WriteAsync(tx => incidents.EndAbout(tx, IncidentAbout.Application, "another", IncidentEnd.Change, user));
        Assert.Empty(resting.Resumed);
        await database.WriteAsync(tx => incidents.EndAbout(tx, IncidentAbout.Application, "app", IncidentEnd.Change, user));
        await database.WriteAsync(tx => incidents.EndAbout(tx, IncidentAbout.Application, null, IncidentEnd.ByItself, null));
        Assert.Equal([id], resting.Resumed);
        var ended = Assert.Single(await database.ReadAsync(reader => incidents.Past(reader, null, 10)));
        Assert.Equal((IncidentEnd.Change, (Guid?)user), (ended.EndedHow, ended.EndedBy));
        Assert.Empty(await database.ReadAsync(incidents.Open));
    }

    [Fact]
    public async Task A_hosts_incident_ends_with_the_last_server_that_rests_for_it_and_a_secrets_does_not()
    {
        var (host, secret) = (await OpenAsync(DeadHost, NeedsSomebody), await OpenAsync(Secret, NeedsSomebody));
        resting.StillRests = true;
        await database.WriteAsync(tx => incidents.Left(tx, host, IncidentEnd.ByItself, null));
        Assert.Equal(2, (await database.ReadAsync(incidents.Open)).Count);
        resting.StillRests = false;
        await database.WriteAsync(tx => incidents.Left(tx, host, IncidentEnd.ByItself, null));
        await database.WriteAsync(tx => incidents.Left(tx, secret, IncidentEnd.ByItself, null));
        Assert.Equal(Secret, Assert.Single(await database.ReadAsync(incidents.Open)).Cause);
    }

    [Fact]
    public async Task People_are_told_of_what_lasts_and_needs_somebody_once_and_of_its_end_when_it_stays_away()
    {
        var id = await OpenAsync(DeadHost, NeedsSomebody);
        await OpenAsync(Secret, Passes);
        Assert.Empty(await ToTellAsync());
        clock.Advance(TimeSpan.FromMinutes(5));
        await TellAsync(id, Assert.Single(await ToTellAsync()));
        Assert.Empty(await ToTellAsync());

        // It wavers: neither over nor news.
        await database.WriteAsync(tx => incidents.End(tx, id, IncidentEnd.ByItself, null));
        clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Empty(await ToTellAsync());
        await OpenAsync(DeadHost, NeedsSomebody);
        clock.Advance(TimeSpan.FromMinutes(30));
        Assert.Empty(await ToTellAsync());

        await database.WriteAsync(tx => incidents.End(tx, id, IncidentEnd.ByItself, null));
        clock.Advance(TimeSpan.FromMinutes(10));
        await TellAsync(id, Assert.Single(await ToTellAsync()));
        Assert.Empty(await ToTellAsync());
    }

    [Fact]
    public async Task What_is_over_within_five_minutes_is_told_to_nobody()
    {
        var id = await OpenAsync(DeadHost, NeedsSomebody);
        clock.Advance(TimeSpan.FromMinutes(4));
        await database.WriteAsync(tx => incidents.End(tx, id, IncidentEnd.ByItself, null));
        clock.Advance(TimeSpan.FromMinutes(11));
        Assert.Empty(await ToTellAsync());
    }

    [Fact]
    public void The_effect_is_said_in_numbers()
    {
        Assert.Equal("3 mailboxes, 41 mails wait", IncidentWords.Effect(new(4, ["a", "b", "c"], 41, [])));
        Assert.Equal("1 server, 1 mail waits", IncidentWords.Effect(new(1, [], 1, [])));
        Assert.Equal("", IncidentWords.Effect(IncidentReach.Nothing));
    }

    [Fact]
    public void What_only_a_person_mends_is_tried_after_the_longest_pause_and_other_trouble_soon()
    {
        var now = clock.GetUtcNow();
        Diagnosis Refused(string text) => SmtpDoctor.ExplainSignIn(new SmtpReply(535, "5.7.139", text));
        var disabled = Refused("Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.");
        Assert.True(disabled.UntilMended);
        Assert.Equal(FaultScope.Tenant, Refused("Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.").Scope);
        Assert.Equal(now.AddMinutes(10), RetrySchedule.NextForServer(1, now, null, 0, disabled.UntilMended));
        var closing = SmtpDoctor.ExplainReply(new SmtpReply(421, "4.3.2", "Service not active"), "MAIL");
        Assert.False(closing.UntilMended);
        Assert.Equal(now.AddSeconds(10), RetrySchedule.NextForServer(1, now, null, 0, closing.UntilMended));
        Assert.Equal(now.AddMinutes(20), RetrySchedule.NextForServer(1, now, TimeSpan.FromMinutes(20), 0, disabled.UntilMended));
    }

    [Fact]
    public void A_notice_is_written_from_an_address_whose_server_works()
    {
        OutgoingServer Server(string filter, bool rests = false) => new() { Id = new(Guid.NewGuid()), Name = filter, Kind = ServerKind.Smtp, FromFilter = filter, Active = true, Sequence = 10, PausedUntil = rests ? clock.GetUtcNow() : null };
        var (dead, works, held) = (Server("hub@dead.example"), Server("post@works.example"), Server("x@held.example") with { HeldAt = clock.GetUtcNow(), Sequence = 1 });
        var someone = EmailAddress.Parse("admin@hub.example");
        var hub = EmailAddress.Parse("hub@dead.example");
        EmailAddress? Choose(params OutgoingServer[] servers) => NoticeSender.Choose(servers, new HashSet<OutgoingServerId> { dead.Id }, hub, someone,
            sender => ServerChoice.Decide(new ServerQuestion(new(null, sender), [.. servers.Select(server => server.ToCandidate(new Dictionary<EmailAddress, SendAsFact>()))], hub, null, Creator: null, Forced: null, EnvelopeOverride: null)));
        Assert.Equal("post@works.example", Choose(dead, works, held)?.ToString());
        Assert.Null(Choose(dead, held));
        Assert.Null(Choose(dead, works with { PausedUntil = clock.GetUtcNow() }));
    }

    private Task<Guid> OpenAsync(IncidentCause cause, Problem problem) => database.WriteAsync(tx => incidents.Open(tx, cause, problem));

    private Task<List<Incident>> ToTellAsync() => database.ReadAsync(reader => (List<Incident>)[.. incidents.ToTell(reader), .. incidents.EndsToTell(reader)]);

    private async Task TellAsync(Guid id, Incident incident)
    {
        Assert.Equal(id, incident.Id);
        await database.WriteAsync(tx => IncidentStore.Told(tx, incident));
    }

    private Task<long> JournalAsync(string kind) => database.ReadAsync(reader => reader.Scalar<long>("SELECT COUNT(*) FROM journal_event WHERE kind = @kind", new { kind }));

    private sealed class Servers : IRestsForIncidents
    {
        public bool StillRests { get; set; }

        public List<Guid> Resumed { get; } = [];

        public bool Rests(HubReader reader, Guid incident) => StillRests;

        public void Resume(HubTransaction transaction, Guid incident)
        {
            if (!Resumed.Contains(incident)) Resumed.Add(incident);
        }
    }
}
