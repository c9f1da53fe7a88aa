namespace Postrider.IncomingServers;

/// <summary>Ids of log messages: 5201 to 5299.</summary>
internal static class IncomingServersLog
{
    public const int WatcherStarted = 5201;
    public const int WatcherStopped = 5202;
    public const int SessionFailed = 5203;
    public const int SessionBroke = 5204;
    public const int ValidityChanged = 5205;
    public const int WatchingFailed = 5206;
    public const int FollowingFailed = 5207;
    public const int SetAside = 5208;
    public const int PopSetAside = 5209;
}
