namespace Postrider.IncomingMail;

/// <summary>Ids of log messages: 5101 to 5199.</summary>
internal static class IncomingMailLog
{
    public const int BatchFailed = 5101;
    public const int NotProcessed = 5102;
    public const int Unreadable = 5103;
    public const int Resumed = 5104;
    public const int NotTold = 5105;
    public const int NotRemoved = 5106;
}
