namespace Postrider.OutgoingMail;

internal static partial class OutgoingMailLog
{
    [LoggerMessage(2301, LogLevel.Error, "Outbox: looking for due mail failed; trying again")]
    public static partial void PumpFailed(ILogger log, Exception failure);

    [LoggerMessage(2302, LogLevel.Error, "Outbox: sending through server {Server} stopped")]
    public static partial void DriverFailed(ILogger log, Exception failure, Guid server);

    [LoggerMessage(2303, LogLevel.Warning, "Outbox: {Waiting} interrupted mails wait again, {Unknown} are unknown, {SetAside} were set aside")]
    public static partial void Recovered(ILogger log, int waiting, int unknown, int setAside);

    [LoggerMessage(2304, LogLevel.Error, "Outbox: the attempt to send mail {Mail} stopped inside the hub")]
    public static partial void AttemptBroke(ILogger log, Exception failure, Guid mail);

    [LoggerMessage(2305, LogLevel.Error, "Outbox: what an attempt came to cannot be written down; trying again until it can")]
    public static partial void NotWrittenDown(ILogger log, Exception failure);

    [LoggerMessage(2306, LogLevel.Warning, "Outbox: the clock jumped by {Seconds} seconds; {Count} mails that would have waited long are due now")]
    public static partial void ClockJumped(ILogger log, double seconds, int count);

    [LoggerMessage(2351, LogLevel.Error, "Outbox: looking into Sent Items failed; trying again")]
    public static partial void LookFailed(ILogger log, Exception failure);

    [LoggerMessage(2308, LogLevel.Error, "Outbox: letting go of expired download links failed; trying again in an hour")]
    public static partial void LinksNotSwept(ILogger log, Exception failure);

    [LoggerMessage(2309, LogLevel.Warning, "Outbox: the database is an older backup; {Servers} servers are held until a person releases them, {Mails} mails are looked for in Sent Items")]
    public static partial void Restored(ILogger log, int servers, int mails);

    [LoggerMessage(2310, LogLevel.Error, "Outbox: the file that tells a backup from the newest database cannot be read or written")]
    public static partial void NotCountedOn(ILogger log, Exception failure);

    [LoggerMessage(2307, LogLevel.Error, "Outbox: telling submitters what became of their mail failed; trying again")]
    public static partial void ReportsFailed(ILogger log, Exception failure);
}
