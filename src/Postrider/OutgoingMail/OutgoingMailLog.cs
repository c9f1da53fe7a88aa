namespace Postrider.OutgoingMail;

internal static partial class OutgoingMailLog
{
    [LoggerMessage(2301, LogLevel.Error, "Outbox: looking for due mail failed; trying again")]
    public static partial void PumpFailed(ILogger log, Exception failure);

    [LoggerMessage(2302, LogLevel.Error, "Outbox: sending through server {Server} stopped")]
    public static partial void DriverFailed(ILogger log, Exception failure, Guid server);

    [LoggerMessage(2303, LogLevel.Warning, "Outbox: {Waiting} interrupted mails wait again, {Unknown} are unknown")]
    public static partial void Recovered(ILogger log, int waiting, int unknown);

    [LoggerMessage(2351, LogLevel.Error, "Outbox: looking into Sent Items failed; trying again")]
    public static partial void LookFailed(ILogger log, Exception failure);
}
