using System.Net;
using System.Text.Json;
using Postrider.Mail.Imap;
using Postrider.Mail.Mime;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Exchange;

namespace Postrider.Sandbox.Control;

/// <summary>Where mail goes in and out, and what a peer must trust.</summary>
internal sealed record Doors(IPEndPoint Smtp, IPEndPoint Imap, string AuthorityFile);

/// <param name="Login">What stands in for https://login.microsoftonline.com/.</param>
/// <param name="AuthorityFile">On the sandbox's machine; <c>/control/authority.pem</c> gives its text.</param>
internal sealed record DoorsAnswer(string Login, string SmtpHost, int SmtpPort, string ImapHost, int ImapPort, string AuthorityFile, DateTimeOffset Now)
{
    // The certificates are made for localhost and for addresses, so the name by which the caller came serves for mail as well.
    public static DoorsAnswer Of(HttpContext http, Doors doors, DateTimeOffset now) =>
        new($"{http.Request.Scheme}://{http.Request.Host}/", http.Request.Host.Host, doors.Smtp.Port, http.Request.Host.Host, doors.Imap.Port, doors.AuthorityFile, now);
}

internal sealed record ClockAnswer(DateTimeOffset Now, TimeSpan Ahead);

/// <param name="Advance">Such as <c>90.00:00:00</c>.</param>
internal sealed record ClockRequest(TimeSpan Advance);

/// <param name="ExternalRecipientsPerDay">By the licences, unless it was set.</param>
internal sealed record TenantAnswer(Guid Id, string Name, string Kind, IReadOnlyList<string> Domains, bool SmtpClientAuthenticationDisabled,
    string BasicAuthentication, bool SecurityDefaults, bool PolicyBlocksSmtp, int? Licences, bool IsTrial, long ExternalRecipientsPerDay)
{
    public static TenantAnswer Of(EntraTenant tenant, EntraDirectory directory, Mailboxes mailboxes)
    {
        var settings = mailboxes.SettingsOf(tenant.Id);
        return new(tenant.Id, tenant.DisplayName, tenant.Kind.ToString(), tenant.Domains, settings.SmtpClientAuthenticationDisabled,
            ControlWords.Of(settings.BasicAuthentication), settings.SecurityDefaults, settings.PolicyBlocksSmtp, settings.Licences, settings.IsTrial, settings.ExternalLimit(directory.FindUsers(tenant.Id).Count));
    }
}

/// <param name="Domain">The custom domain; the initial one is made from it.</param>
internal sealed record NewTenantRequest(string? Name, string? Domain);

/// <summary>What is absent stays as it is.</summary>
/// <param name="BasicAuthentication"><c>disabled</c>, <c>enabled</c> or <c>retired</c>.</param>
internal sealed record TenantRequest(bool? SmtpClientAuthenticationDisabled, string? BasicAuthentication, bool? SecurityDefaults, bool? PolicyBlocksSmtp, int? Licences, bool? IsTrial, long? ExternalRecipientsPerDay);

internal sealed record UserAnswer(Guid Id, Guid TenantId, string UserPrincipalName, string DisplayName, IReadOnlyList<string> Roles, bool Enabled)
{
    public static UserAnswer Of(DirectoryUser user) => new(user.Id, user.TenantId, user.UserPrincipalName, user.DisplayName, user.Roles, user.IsEnabled);
}

/// <param name="Tenant">Id or domain; absent: a personal account.</param>
/// <param name="Password">Absent: the demonstration password.</param>
internal sealed record NewUserRequest(string? Tenant, string? UserPrincipalName, string? DisplayName, string? Password, IReadOnlyList<string>? Roles);

internal sealed record UserRequest(bool? Enabled, string? Password, bool? RevokeSessions);

/// <summary>A whole registration at once, as the portal makes it step by step.</summary>
/// <param name="Tenant">Id or domain.</param>
/// <param name="Audience">As in Microsoft Graph; absent: multitenant and personal accounts.</param>
/// <param name="Assign">Users, by their names.</param>
/// <param name="SecretEnds">Absent: no secret is made.</param>
internal sealed record NewApplicationRequest(string? Tenant, string? Name, string? Audience, IReadOnlyList<string>? RedirectUris, IReadOnlyList<string>? Permissions,
    IReadOnlyList<string>? Assign, bool? AssignmentRequired, bool? AdminConsent, string? SecretDescription, DateTimeOffset? SecretEnds);

/// <param name="Secret">Only in the answer that made it.</param>
internal sealed record ApplicationAnswer(Guid ClientId, Guid ObjectId, Guid TenantId, string Name, string Audience, IReadOnlyList<string> RedirectUris, IReadOnlyList<string> Permissions,
    IReadOnlyList<SecretAnswer> Secrets, string? Secret)
{
    public static ApplicationAnswer Of(AppRegistration app, string? secret = null) => new(app.ClientId, app.ObjectId, app.TenantId, app.DisplayName, app.Audience.ToString(), app.RedirectUris,
        [.. app.Permissions.Select(p => p.Name)], [.. app.Secrets.Select(s => new SecretAnswer(s.KeyId, s.Description, s.Hint, s.End))], secret);
}

internal sealed record SecretAnswer(Guid KeyId, string Description, string Hint, DateTimeOffset Ends);

/// <summary>The enterprise application of one tenant.</summary>
/// <param name="Assign">Users or groups, by their names.</param>
internal sealed record EnterpriseRequest(bool? AssignmentRequired, bool? Enabled, IReadOnlyList<string>? Assign, IReadOnlyList<string>? Unassign);

internal sealed record EnterpriseAnswer(Guid Id, Guid ClientId, Guid TenantId, string Name, bool Enabled, bool AssignmentRequired, IReadOnlyList<Guid> Assigned)
{
    public static EnterpriseAnswer Of(ServicePrincipal principal) => new(principal.Id, principal.ClientId, principal.TenantId, principal.DisplayName, principal.IsEnabled, principal.AssignmentRequired, [.. principal.Assignments.Select(a => a.PrincipalId)]);
}

/// <param name="SmtpClientAuthentication"><c>enabled</c>, <c>disabled</c> or <c>inherited</c>.</param>
internal sealed record MailboxAnswer(string Address, string Name, string Kind, string SmtpClientAuthentication, bool ImapEnabled, long MaxSendBytes, IReadOnlyList<FolderAnswer> Folders)
{
    public static MailboxAnswer Of(Mailbox mailbox) => new(mailbox.Address.ToString(), mailbox.DisplayName, mailbox.Kind.ToString(),
        mailbox.Settings.SmtpClientAuthenticationDisabled switch { null => "inherited", true => "disabled", false => "enabled" },
        mailbox.Settings.ImapEnabled, mailbox.Settings.MaxSendBytes, [.. mailbox.Folders.Select(f => new FolderAnswer(f.Name, f.Messages().Count))]);
}

internal sealed record FolderAnswer(string Name, int Messages);

/// <summary>What is absent stays as it is.</summary>
/// <param name="FullAccess">Users, by their names: who may open it from now on.</param>
/// <param name="SendAs">The same for sending.</param>
/// <param name="QuotaBytes">0: never full.</param>
internal sealed record MailboxRequest(string? SmtpClientAuthentication, bool? ImapEnabled, IReadOnlyList<string>? FullAccess, IReadOnlyList<string>? SendAs, long? MaxSendBytes,
    int? MaxConnections, int? MessagesPerMinute, int? RecipientsPerDay, int? MaxRecipients, long? QuotaBytes, int? ErrorsUntilThrottled, TimeSpan? ThrottledFor)
{
    /// <summary>What is wrong with the limits, in one sentence; null: nothing.</summary>
    public string? Flaw()
    {
        if (MaxSendBytes < 1 || MaxConnections < 1 || MessagesPerMinute < 1 || ErrorsUntilThrottled < 1) return "maxSendBytes, maxConnections, messagesPerMinute and errorsUntilThrottled are 1 or more.";
        if (RecipientsPerDay < 0 || QuotaBytes < 0) return "recipientsPerDay and quotaBytes are 0 or more.";
        if (MaxRecipients is < 1 or > 1000) return "maxRecipients is 1 to 1000.";
        return ThrottledFor <= TimeSpan.Zero || ThrottledFor > TimeSpan.FromDays(365) ? "throttledFor is more than nothing and at most a year, such as 01:00:00." : null;
    }
}

/// <summary>What a mailbox may send by SMTP and what it has sent since the sandbox was started.</summary>
/// <param name="Throttled">Null: it is not closed.</param>
internal sealed record SubmissionAnswer(SubmissionCounts Counts, ThrottleAnswer? Throttled, int MaxConnections, int MessagesPerMinute, int RecipientsPerDay, int MaxRecipients, long? QuotaBytes, int ErrorsUntilThrottled, TimeSpan ThrottledFor)
{
    public static SubmissionAnswer Of(Mailbox mailbox)
    {
        var settings = mailbox.Settings;
        return new(mailbox.Submission.Counts, mailbox.Submission.Throttled is var (reason, until) ? new(ControlWords.Of(reason), until) : null,
            settings.MaxConnections, settings.MessagesPerMinute, settings.RecipientsPerDay, settings.MaxRecipients, settings.QuotaBytes, settings.ErrorsUntilThrottled, settings.ThrottledFor);
    }
}

internal sealed record ThrottleAnswer(string Reason, DateTimeOffset Until);

/// <param name="Reason"><c>mailboxFull</c>, <c>sendAsDenied</c>, <c>invalidLicense</c>, <c>tooManyRecipients</c> or <c>invalidRecipients</c>.</param>
/// <param name="For">Absent: as long as the mailbox's <c>throttledFor</c>.</param>
internal sealed record ThrottleRequest(string? Reason, TimeSpan? For);

/// <summary>As <see cref="SmtpFault"/>.</summary>
/// <param name="Reply">Such as <c>451 4.7.500 Server busy</c>.</param>
internal sealed record FaultRequest(string? Stage, string? Reply, TimeSpan? Delay, string? HangUp, bool? Taken, string? Address, int? Skip, int? Every, int? Times, DateTimeOffset? From, DateTimeOffset? Until);

/// <param name="Met">How often the stage was come to by somebody it concerns.</param>
/// <param name="Played">How often it went wrong.</param>
internal sealed record FaultAnswer(int Id, string Stage, string? Reply, TimeSpan Delay, string HangUp, bool? Taken, string? Address, int Skip, int Every, int? Times, DateTimeOffset? From, DateTimeOffset? Until, int Met, int Played)
{
    public static FaultAnswer Of(ScriptedFault scripted)
    {
        var fault = scripted.Fault;
        return new(scripted.Id, ControlWords.Of(fault.Stage), fault.Reply?.ToString(), fault.Delay, ControlWords.Of(fault.HangUp), fault.Taken, fault.Address, fault.Skip, fault.Every, fault.Times, fault.From, fault.Until, scripted.Met, scripted.Played);
    }
}

/// <summary>Values of an enumeration as the API writes them.</summary>
internal static class ControlWords
{
    public static string Of<T>(T value) where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}

internal sealed record MessageAnswer(uint Uid, DateTimeOffset Received, IReadOnlyList<string> Flags, int Size, string? MessageId, string? Subject, IReadOnlyList<string> From, IReadOnlyList<string> To)
{
    public static MessageAnswer Of(ImapStoredMessage message)
    {
        var read = MimeMessage.Read(message.Bytes);
        return new(message.Uid, message.InternalDate, message.Flags, message.Bytes.Length, read.MessageId, read.Subject, [.. read.From.Select(a => a.ToString())], [.. read.To.Select(a => a.ToString())]);
    }
}

/// <param name="Next">Give it as <c>after</c> to read on; null at the end.</param>
internal sealed record MessagesAnswer(uint UidValidity, IReadOnlyList<MessageAnswer> Messages, uint? Next);

/// <summary>What somebody writes and sends from a mailbox.</summary>
/// <param name="AnswersUid">A message of <paramref name="AnswersFolder"/> (absent: the Inbox) that this one answers; recipient and subject may then be absent.</param>
internal sealed record LetterRequest(IReadOnlyList<string>? To, string? Subject, string? Text, string? Html, string? AnswersFolder, uint? AnswersUid);

internal sealed record LetterAnswer(string? MessageId);
