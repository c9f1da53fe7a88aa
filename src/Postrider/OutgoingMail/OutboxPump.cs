using System.Collections.Concurrent;
using Postrider.OutgoingServers;
using Postrider.Storage;

namespace Postrider.OutgoingMail;

/// <summary>Sends what is due: docs/flows/send-a-mail.md, steps 4 to 6. Each mailbox has its own connections, so a dead one delays nobody else.</summary>
internal sealed class OutboxPump(HubDatabase database, Bodies bodies, OutboxStore store, OutgoingServerStore servers, SendingBudgets budgets, DeliveryAttempt attempt, OutboxSignal signal, Random chance, TimeProvider clock, ILogger<OutboxPump> log) : BackgroundService
{
    private static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ShortSleep = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(10);

    /// <summary>A connection without mail stays open so long for the next one: signing in takes longer than sending.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(5);

    /// <summary>A claim takes what is sent in about this time, so that what is claimed does not keep urgent mail waiting.</summary>
    private static readonly TimeSpan TurnLength = TimeSpan.FromSeconds(1);
    private const int LongestTurn = 64;

    /// <summary>So many mails that are due are worth one more connection.</summary>
    private const int MailsOfAConnection = 8;

    /// <summary>After "too many connections" the mailbox gets along with fewer for so long: somebody else uses it too.</summary>
    private static readonly TimeSpan FewerConnections = TimeSpan.FromMinutes(10);

    /// <summary>A dialogue that is under way when the hub stops may end within this time; then its connection is cut.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(20);

    /// <summary>A difference between the two clocks that is no drift.</summary>
    private static readonly TimeSpan Jump = TimeSpan.FromMinutes(2);

    private readonly Guid claim = Ids.New(clock);
    private readonly ConcurrentDictionary<Task, byte> drivers = new();
    // Until its budget has room, or for a moment after a fault of ours.
    private readonly ConcurrentDictionary<OutgoingServerId, DateTimeOffset> restsUntil = new();
    private readonly Dictionary<string, MailboxUse> mailboxes = new(StringComparer.Ordinal);
    private readonly Lock turn = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var cut = new CancellationTokenSource();
        await using var lastWords = stoppingToken.Register(() => cut.CancelAfter(LastWords));
        var (waiting, unknown, setAside) = await database.WriteAsync(store.Recover, CancellationToken.None);
        if (waiting + unknown + setAside > 0) OutgoingMailLog.Recovered(log, waiting, unknown, setAside);
        var (wall, steady) = (clock.GetUtcNow(), clock.GetTimestamp());
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await StartDriversAsync(stoppingToken, cut.Token);
                await SleepAsync(stoppingToken);
                await database.LullAsync(stoppingToken);
                var jump = clock.GetUtcNow() - wall - clock.GetElapsedTime(steady);
                if (jump.Duration() > Jump) OutgoingMailLog.ClockJumped(log, jump.TotalSeconds, await database.WriteAsync(store.ForgetFarFuture, stoppingToken));
                (wall, steady) = (clock.GetUtcNow(), clock.GetTimestamp());
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                // A full disk, a locked database: the queue is on disk and is looked at again.
                OutgoingMailLog.PumpFailed(log, failure);
                await Task.Delay(TimeSpan.FromSeconds(5), clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        await Task.WhenAll(drivers.Keys);
    }

    private async Task StartDriversAsync(CancellationToken stopping, CancellationToken cut)
    {
        var due = await database.ReadAsync(store.DueServers, stopping);
        if (due.Count == 0) return;
        var known = (await servers.RosterAsync(stopping)).ToDictionary(server => server.Id);
        foreach (var (id, count) in due)
        {
            if (restsUntil.TryGetValue(id, out var opens) && opens > clock.GetUtcNow()) continue;
            if (!known.TryGetValue(id, out var server)) continue;
            // One connection carries many messages; more only for a backlog.
            var most = SendingBudgets.Connections(server);
            var wanted = Math.Min(1 + (count / MailsOfAConnection), most);
            while (TryEnter(server, wanted)) StartDriver(server, stopping, cut);
            if (wanted == most) signal.Busy(id, all: true);
            signal.Nudge(id);
        }
    }

    private void StartDriver(OutgoingServer server, CancellationToken stopping, CancellationToken cut)
    {
        var driver = Task.Run(async () =>
        {
            try
            {
                await DriveAsync(server, stopping, cut);
            }
            catch (OperationCanceledException) when (cut.IsCancellationRequested)
            {
                // The hub stops: the next start tells by the mail's stage what became of it.
            }
            catch (Exception failure)
            {
                OutgoingMailLog.DriverFailed(log, failure, server.Id.Value);
                restsUntil[server.Id] = clock.GetUtcNow() + AfterFault;
            }
            finally
            {
                Leave(server);
            }
        }, CancellationToken.None);
        drivers[driver] = 0;
        _ = driver.ContinueWith(done => drivers.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task DriveAsync(OutgoingServer first, CancellationToken stopping, CancellationToken cut)
    {
        await using var connection = new MailboxConnection();
        var pace = 1;
        long claimed = 0;
        while (!stopping.IsCancellationRequested)
        {
            await database.LullAsync(CancellationToken.None);
            // Read anew: failures in a row and the account may have changed since.
            var server = (await servers.RosterAsync(CancellationToken.None)).FirstOrDefault(known => known.Id == first.Id);
            if (server is null) return;
            var next = await database.WritePatientlyAsync(tx => store.Claim(tx, server, claim, pace, claimed), CancellationToken.None);
            if (next.Mails.Count == 0)
            {
                if (next.OpensAt is { } opens) restsUntil[server.Id] = opens;
                signal.Busy(server.Id, all: false);
                if (!await MoreComesAsync(server.Id, stopping)) return;
                continue;
            }

            restsUntil.TryRemove(server.Id, out _);
            claimed += next.Mails.Count;
            var started = clock.GetTimestamp();
            var (sent, goesOn) = await SendAsync(server, next.Mails, connection, stopping, cut);
            if (!goesOn) return;
            pace = Math.Clamp((int)(sent * TurnLength / (clock.GetElapsedTime(started) + TimeSpan.FromMilliseconds(1))), 1, Math.Min(pace * 2, LongestTurn));
        }
    }

    /// <summary>Sends what was claimed, one after the other. What an attempt came to is written down while the next is under way.</summary>
    /// <returns>How many were offered, and whether the server may be given more.</returns>
    private async Task<(int Sent, bool GoesOn)> SendAsync(OutgoingServer server, IReadOnlyList<ClaimedMail> mails, MailboxConnection connection, CancellationToken stopping, CancellationToken cut)
    {
        var settling = new List<Task>(mails.Count);
        var done = 0;
        try
        {
            var bytes = mails.Count > 1 || mails[0].Size <= Bodies.ChunkSize ? await bodies.ReadSmallAsync([.. mails.Select(mail => mail.BodyId)], cut) : new Dictionary<Guid, byte[]>();
            while (done < mails.Count && !stopping.IsCancellationRequested)
            {
                var mail = mails[done];
                AttemptResult result;
                try
                {
                    result = await attempt.RunAsync(server, mail, bytes.GetValueOrDefault(mail.BodyId), connection, cut);
                }
                catch (Exception failure) when (!cut.IsCancellationRequested)
                {
                    done++;
                    OutgoingMailLog.AttemptBroke(log, failure, mail.Id.Value);
                    await connection.ReplaceAsync(null);
                    budgets.Through(server, clock.GetUtcNow());
                    settling.Add(WriteDownAsync(tx => store.Broke(tx, mail.Id), cut));
                    continue;
                }

                done++;
                if (result.Verdict.WasNamed) budgets.Through(server, clock.GetUtcNow());
                var rests = Rests(server, result.Verdict);
                var jitter = chance.NextDouble();
                settling.Add(WriteDownAsync(tx => store.Settle(tx, mail, server, result.Verdict, rests ? RetrySchedule.NextForServer(server.Failures + 1, tx.Now, result.Verdict.ServerTrouble!.NotBefore, jitter, result.Verdict.ServerTrouble.UntilMended) : null, result.SizeLimit, jitter, result.Transcript), cut));
                if (result.Verdict.ServerTrouble is not null) return (done, false);
            }

            return (done, !stopping.IsCancellationRequested);
        }
        finally
        {
            if (done < mails.Count && !cut.IsCancellationRequested) settling.Add(WriteDownAsync(tx => store.GiveBack(tx, server, [.. mails.Skip(done)]), cut));
            await Task.WhenAll(settling);
        }
    }

    /// <summary>What a server has answered must be written down: a full disk or a locked database is waited for, as long as the hub runs.</summary>
    private async Task WriteDownAsync(Action<HubTransaction> write, CancellationToken cut)
    {
        for (var told = false; ; told = true)
        {
            try
            {
                await database.WritePatientlyAsync(write, CancellationToken.None);
                return;
            }
            catch (Exception failure) when (!cut.IsCancellationRequested)
            {
                if (!told) OutgoingMailLog.NotWrittenDown(log, failure);
                await Task.Delay(ShortSleep, clock, cut).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Whether the server has to rest. Where others of its connections go on, one too many is only one less from now on.</summary>
    private bool Rests(OutgoingServer server, AttemptVerdict verdict)
    {
        if (verdict.ServerTrouble is not { } trouble) return false;
        if (!trouble.OneConnectionTooMany) return true;
        lock (turn)
        {
            // Its user name may have been changed meanwhile.
            if (!mailboxes.TryGetValue(SendingBudget.MeterOf(server), out var use)) return true;
            use.Ceiling = Math.Max(use.Connections - 1, 1);
            use.CeilingUntil = clock.GetUtcNow() + FewerConnections;
            return use.Connections <= 1;
        }
    }

    /// <returns>False when no mail came while the connection stood idle.</returns>
    private async Task<bool> MoreComesAsync(OutgoingServerId server, CancellationToken stopping)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var bell = signal.WaitAsync(server, either.Token);
        var first = await Task.WhenAny(bell, Task.Delay(Idle, clock, either.Token));
        await either.CancelAsync();
        return first == bell && bell.IsCompletedSuccessfully;
    }

    private async Task SleepAsync(CancellationToken stopping)
    {
        var next = await database.ReadAsync(store.NextDue, stopping);
        var now = clock.GetUtcNow();
        var at = next.Select(due => restsUntil.TryGetValue(due.Server, out var opens) && opens > due.At ? opens : due.At).DefaultIfEmpty(DateTimeOffset.MaxValue).Min();
        // What is due now is being sent by a driver, whose end wakes us; or it came due since the drivers were started, and must not wait for the long sleep.
        var pause = at <= now ? ShortSleep : at - now > LongestSleep ? LongestSleep : at - now;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await Task.WhenAny(signal.WaitAsync(either.Token), Task.Delay(pause, clock, either.Token));
        await either.CancelAsync();
        stopping.ThrowIfCancellationRequested();
    }

    private bool TryEnter(OutgoingServer server, int wanted)
    {
        lock (turn)
        {
            var key = SendingBudget.MeterOf(server);
            if (!mailboxes.TryGetValue(key, out var use)) mailboxes[key] = use = new();
            var most = use.CeilingUntil > clock.GetUtcNow() ? Math.Min(wanted, use.Ceiling) : wanted;
            if (use.Connections >= most) return false;
            use.Connections++;
            return true;
        }
    }

    private void Leave(OutgoingServer server)
    {
        lock (turn) mailboxes[SendingBudget.MeterOf(server)].Connections--;
        signal.Busy(server.Id, all: false);
        // Something may have come due between the last claim and now.
        signal.Wake();
    }

    private sealed class MailboxUse
    {
        public int Connections { get; set; }
        /// <summary>As many as it may have until <see cref="CeilingUntil"/>.</summary>
        public int Ceiling { get; set; }
        public DateTimeOffset CeilingUntil { get; set; }
    }
}
