using Postrider.Settings;
using Postrider.Web;

namespace Postrider.Submission;

/// <summary><c>/api/v1/submission</c>: where programs hand in mail, and what came of it since this process began.</summary>
internal static class SubmissionApi
{
    public static void MapSubmission(this WebApplication app) =>
        app.MapGet("/api/v1/submission", (SubmissionListener listener, SubmissionHistory history, SystemParameters parameters) => SubmissionAnswer.Of(listener, history.Read(), parameters))
            .RequireAuthorization(Policies.Settings).WithTags("Submission").WithSummary("Where programs hand in mail by SMTP, and the last that was taken and refused");

    /// <param name="Address">Null: not listening.</param>
    /// <param name="StartTls">Asked for before AUTH and MAIL, but of trusted networks.</param>
    /// <param name="TlsAddress">With TLS from the first byte; null: not listening.</param>
    internal sealed record SubmissionAnswer(
        string? Address, bool StartTls, string? TlsAddress, string? TrustedNetworks, long Taken, long Refused, IReadOnlyList<TakenAnswer> LastTaken, IReadOnlyList<RefusedAnswer> LastRefused, IReadOnlyList<RefusalCount> Reasons)
    {
        public static SubmissionAnswer Of(SubmissionListener listener, SubmissionNumbers numbers, SystemParameters parameters) => new(
            listener.Clear?.ToString(), listener is { Clear: not null, HasCertificate: true }, listener.ImplicitTls?.ToString(), parameters.Get(KnownParameter.TrustedSubmitters), numbers.Taken, numbers.Refused,
            [.. numbers.LastTaken.Select(taken => new TakenAnswer(taken.At, taken.Who, taken.Address.ToString(), taken.From, taken.Recipients, taken.Subject, taken.Mail.Value))],
            [.. numbers.LastRefused.Select(refused => new RefusedAnswer(refused.At, refused.Who, refused.Address.ToString(), refused.Reply))], numbers.Reasons);
    }

    /// <param name="MailId">As in <c>/api/v1/mails</c>.</param>
    internal sealed record TakenAnswer(DateTimeOffset At, string Who, string Address, string From, int Recipients, string Subject, Guid MailId);

    /// <param name="Who">Null: nobody had signed in.</param>
    internal sealed record RefusedAnswer(DateTimeOffset At, string? Who, string Address, string Reply);
}
