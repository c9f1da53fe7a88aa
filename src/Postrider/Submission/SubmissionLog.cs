namespace Postrider.Submission;

/// <summary>Ids of log messages: 2401 to 2499.</summary>
internal static partial class SubmissionLog
{
    [LoggerMessage(2401, LogLevel.Information, "Submission: listening on {Address} ({Security})")]
    public static partial void Listening(ILogger log, string address, string security);

    [LoggerMessage(2402, LogLevel.Error, "Submission: a message was not taken because something in the hub failed; the program was told to try again")]
    public static partial void Failed(ILogger log, Exception failure);
}
