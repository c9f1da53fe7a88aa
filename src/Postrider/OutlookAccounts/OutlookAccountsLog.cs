namespace Postrider.OutlookAccounts;

internal static partial class OutlookAccountsLog
{
    [LoggerMessage(2101, LogLevel.Information, "Outlook account {Account}: access token renewed")]
    public static partial void Renewed(ILogger log, Guid account);

    [LoggerMessage(2102, LogLevel.Warning, "Outlook account {Account}: access token not renewed: {Code} {Detail}")]
    public static partial void NotRenewed(ILogger log, Guid account, string code, string? detail);

    [LoggerMessage(2103, LogLevel.Warning, "Connecting an Outlook account: {Code} {Detail}")]
    public static partial void NotConnected(ILogger log, string code, string? detail);

    [LoggerMessage(2104, LogLevel.Error, "Keeping Outlook accounts alive failed; trying again")]
    public static partial void KeeperFailed(ILogger log, Exception failure);
}
