using Postrider.Doctor;
using Postrider.IncomingMail;
using Postrider.Mail.Imap;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.IncomingServers;

/// <summary>Watches one mailbox until it is told to stop: signs in, takes in what is new, waits for more. The numbers are the steps of docs/flows/receive-a-mail.md.</summary>
internal sealed partial class MailboxWatcher(IncomingServer server, HubDatabase database, IncomingServerStore store, MailboxSessions sessions, MailboxReader reader, PopReader maildrops, Intake intake, FetchTurns turns, TimeProvider clock, Random chance, ILogger<MailboxWatcher> log)
{
    // IDLE tells of new mail at once; looking anyway finds what a server forgot to tell.
    private static readonly TimeSpan LookAnyway = TimeSpan.FromMinutes(5);
    // Between two visits to a maildrop, which cannot be watched; longer where its server wants it so.
    private static readonly TimeSpan VisitPause = TimeSpan.FromMinutes(1);
    /// <summary>Below this an ended token is no surprise of the clock but a server that does not want us.</summary>
    private static readonly TimeSpan ShortestSession = TimeSpan.FromMinutes(1);

    public async Task RunAsync(CancellationToken stop)
    {
        var failures = 0;
        var freshToken = false;
        while (!stop.IsCancellationRequested)
        {
            var began = clock.GetTimestamp();
            var end = await SessionAsync(freshToken, stop);
            freshToken = end.NeedsFreshToken;
            if (end.Problem is null && (!end.NeedsFreshToken || clock.GetElapsedTime(began) >= ShortestSession))
            {
                failures = 0;
                continue;
            }
            failures = clock.GetElapsedTime(began) >= ShortestSession ? 1 : failures + 1;
            var pause = ReconnectSchedule.Pause(failures, end.Asked, chance.NextDouble(), end.Problem is { RetriesByItself: true });
            // A line that breaks and is mended at once is no incident; what does not pass by itself is one at once.
            if (end.Problem is { } problem && !await ReportAsync(problem, failures > 1 || !problem.RetriesByItself ? end.Scope : null, pause, stop)) return;
            await Task.Delay(pause, clock, stop);
        }
    }

    /// <param name="Problem">Null: the session ended as planned, to begin anew.</param>
    /// <param name="Asked">How long the server asked to wait; null: it did not.</param>
    private readonly record struct SessionEnd(Problem? Problem, TimeSpan? Asked, bool NeedsFreshToken)
    {
        public FaultScope Scope { get; init; } = FaultScope.Server;
    }

    private async Task<SessionEnd> SessionAsync(bool freshToken, CancellationToken stop)
    {
        try
        {
            // What a failure left between storing and routing.
            await intake.ResumeAsync(stop);
            if (server.Kind == IncomingServerKind.Pop3) return await VisitAsync(stop);
            OpenedMailbox opened;
            using (await turns.TakeAsync(server.Id, stop)) opened = await sessions.OpenAsync(server, freshToken, stop);   // step 1
            if (opened.Session is not { } session) return new SessionEnd(opened.Problem, ReconnectSchedule.AskedPause(opened.Problem?.Detail), false) { Scope = opened.Scope };
            await using (session)
            {
                await database.WriteAsync(tx => store.Healthy(tx, server.Id), stop);
                return await WatchAsync(session, stop);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
        {
            SessionBroke(log, server.Id.Value, e);
            return new SessionEnd(IncomingServersProblems.Broken(), null, false);
        }
    }

    /// <summary>A maildrop is visited and left alone again: its lock is needed by others.</summary>
    private async Task<SessionEnd> VisitAsync(CancellationToken stop)
    {
        var reading = await maildrops.ReadNewAsync(server, stop);                                    // steps 1 to 7
        if (reading.Problem is { } problem) return new SessionEnd(problem, ReconnectSchedule.AskedPause(reading.ServerText) ?? (reading.NotBefore > TimeSpan.Zero ? reading.NotBefore : null), false) { Scope = reading.Scope };
        await database.WriteAsync(tx => store.Healthy(tx, server.Id), stop);
        await Task.Delay(reading.NotBefore > VisitPause ? reading.NotBefore : VisitPause, clock, stop);   // step 8
        return new SessionEnd(null, null, false);
    }

    private async Task<SessionEnd> WatchAsync(MailboxSession session, CancellationToken stop)
    {
        var client = session.Client;
        while (true)
        {
            var seen = client.Selected?.Exists;
            var reading = await reader.ReadNewAsync(server, client, session.Folder, stop);           // steps 2 to 7
            if (reading.Failure is { } unread) return Ended(unread);
            // Mail that came while the rest was fetched is not announced again by IDLE.
            if (client.Selected?.Exists > seen) continue;

            var left = session.RenewAt is { } renewAt ? renewAt - clock.GetUtcNow() : LookAnyway;
            if (left <= TimeSpan.Zero) return new SessionEnd(null, null, false);
            var idled = await client.IdleAsync(left < LookAnyway ? left : LookAnyway, stop);         // step 8
            if (!idled.Succeeded) return Ended(idled.Failure!);
            await database.WriteAsync(tx => store.Healthy(tx, server.Id), stop);
        }
    }

    private SessionEnd Ended(ImapFailure failure) => IncomingServersProblems.IsExpiredToken(failure)
        ? new SessionEnd(null, null, NeedsFreshToken: true)
        : new SessionEnd(IncomingServersProblems.Of(failure, server), ReconnectSchedule.AskedPause(failure.ServerText), false) { Scope = ImapDoctor.Explain(failure, server.Host, server.Port).Scope };

    /// <param name="rests">Who has to wait for it, when it is an incident; null when it may be over in a moment.</param>
    /// <returns>False when the hub is stopping.</returns>
    private async Task<bool> ReportAsync(Problem problem, FaultScope? rests, TimeSpan pause, CancellationToken stop)
    {
        SessionFailed(log, server.Id.Value, problem.Code, pause);
        try
        {
            var nextTry = clock.GetUtcNow() + pause;
            await database.WriteAsync(tx => store.Trouble(tx, server.Id, problem with { NextTry = nextTry }, nextTry, rests is { } scope ? new Diagnosis(problem, scope) : null), stop);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The database itself is in trouble: it has told the log, and the mailbox is tried again all the same.
            SessionBroke(log, server.Id.Value, e);
        }
        return !stop.IsCancellationRequested;
    }

    [LoggerMessage(IncomingServersLog.SessionFailed, LogLevel.Warning, "Incoming server {Id}: {Code}; tried again in {Pause}")]
    private static partial void SessionFailed(ILogger log, Guid id, string code, TimeSpan pause);

    [LoggerMessage(IncomingServersLog.SessionBroke, LogLevel.Error, "Incoming server {Id}: a session broke")]
    private static partial void SessionBroke(ILogger log, Guid id, Exception e);
}
