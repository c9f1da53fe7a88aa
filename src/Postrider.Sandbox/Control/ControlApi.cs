using System.Text.Json;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Exchange;

namespace Postrider.Sandbox.Control;

/// <summary>
/// What no Microsoft offers: seed, read everything, turn the switches, move the clock, over plain HTTP and JSON. No credentials: the sandbox holds
/// demonstration data on loopback. Every change needs a content type or a method that a foreign web page cannot send without asking first (CORS).
/// </summary>
internal static class ControlApi
{
    private const int MaxPage = 200;
    private const long MaxMessageBytes = 157_286_400;
    private const string RawMessage = "message/rfc822";

    public static void MapControl(this IEndpointRouteBuilder routes)
    {
        var control = routes.MapGroup("/control").DisableAntiforgery();

        control.MapGet("", (HttpContext http, Doors doors, TenantClock clock) => DoorsAnswer.Of(http, doors, clock.GetUtcNow()));
        control.MapGet("/authority.pem", (Doors doors) => Results.File(doors.AuthorityFile, "application/x-pem-file"));
        control.MapGet("/clock", (TenantClock clock) => new ClockAnswer(clock.GetUtcNow(), clock.Ahead));
        control.MapPost("/clock", MoveClock);

        control.MapGet("/tenants", (EntraDirectory directory, Mailboxes mailboxes) => directory.Tenants.Select(t => TenantAnswer.Of(t, directory, mailboxes)));
        control.MapPost("/tenants", AddTenant);
        control.MapPatch("/tenants/{tenant}", ChangeTenant);

        control.MapGet("/users", (EntraDirectory directory) => directory.Users.Select(UserAnswer.Of));
        control.MapPost("/users", AddUser);
        control.MapPatch("/users/{name}", ChangeUser);

        control.MapGet("/applications", (EntraDirectory directory) => directory.Tenants.SelectMany(t => directory.FindApplications(t.Id)).Select(a => ApplicationAnswer.Of(a)));
        control.MapPost("/applications", AddApplication);
        control.MapDelete("/applications/{clientId:guid}", (Guid clientId, EntraDirectory directory) => { directory.DeleteApplication(clientId); return Results.NoContent(); });
        control.MapPatch("/applications/{clientId:guid}/tenants/{tenant}", ChangeEnterprise);
        control.MapDelete("/applications/{clientId:guid}/consents/{name}", RevokeConsent);

        control.MapGet("/mailboxes", (Mailboxes mailboxes) => mailboxes.All.Select(MailboxAnswer.Of));
        control.MapGet("/mailboxes/{address}", (string address, Mailboxes mailboxes) => mailboxes.Find(address) is { } mailbox ? Results.Ok(MailboxAnswer.Of(mailbox)) : NoMailbox(address));
        control.MapPatch("/mailboxes/{address}", ChangeMailbox);
        control.MapGet("/mailboxes/{address}/smtp", (string address, Mailboxes mailboxes) => mailboxes.Find(address) is { Kind: not MailboxKind.Outside } mailbox ? Results.Ok(SubmissionAnswer.Of(mailbox)) : NoMailbox(address));
        control.MapPost("/mailboxes/{address}/smtp/throttle", Throttle);
        control.MapDelete("/mailboxes/{address}/smtp/throttle", Release);
        control.MapGet("/mailboxes/{address}/folders/{folder}/messages", ReadFolder);
        control.MapGet("/mailboxes/{address}/folders/{folder}/messages/{uid:long}", ReadMessage);
        control.MapPost("/mailboxes/{address}/messages", DeliverAsync).Accepts<byte[]>(RawMessage).WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(MaxMessageBytes));
        control.MapPost("/mailboxes/{address}/sent", Write);

        control.MapGet("/smtp/faults", (SmtpScript script) => script.Faults.Select(FaultAnswer.Of));
        control.MapPost("/smtp/faults", AddFault);
        control.MapDelete("/smtp/faults", (SmtpScript script) => { script.Clear(); return Results.NoContent(); });
        control.MapDelete("/smtp/faults/{id:int}", (int id, SmtpScript script) => script.Remove(id) ? Results.NoContent() : Missing("fault-unknown", $"There is no fault {id}.", "GET /control/smtp/faults lists them."));
    }

    // ---- Clock

    private static IResult MoveClock(ClockRequest request, TenantClock clock)
    {
        if (request.Advance < TimeSpan.Zero || request.Advance > TimeSpan.FromDays(3650)) return Bad("clock-advance", "The clock moves ahead only, and at most ten years at once.", "Give advance as days.hours:minutes:seconds, such as 90.00:00:00.");
        clock.Advance(request.Advance);
        return Results.Ok(new ClockAnswer(clock.GetUtcNow(), clock.Ahead));
    }

    // ---- Directory

    private static IResult AddTenant(NewTenantRequest request, EntraDirectory directory, Mailboxes mailboxes)
    {
        if (string.IsNullOrWhiteSpace(request.Name) || !IsDomain(request.Domain)) return Bad("tenant-incomplete", "A tenant needs a name and a domain.", "Give name, and domain such as orchard.example.");
        if (directory.FindTenant(request.Domain!) is not null) return Bad("tenant-exists", $"There is a tenant with the domain {request.Domain} already.", "Choose another domain.", StatusCodes.Status409Conflict);
        return Results.Ok(TenantAnswer.Of(directory.AddTenant(request.Name.Trim(), request.Domain!.Split('.')[0] + ".onmicrosoft.example", request.Domain), directory, mailboxes));
    }

    private static IResult ChangeTenant(string tenant, TenantRequest request, EntraDirectory directory, Mailboxes mailboxes)
    {
        if (directory.FindTenant(tenant) is not { } found) return NoTenant(tenant);
        var basic = BasicAuthentication.Disabled;
        if (request.BasicAuthentication is { } word && !TryName(word, out basic)) return Bad("switch-unknown", $"basicAuthentication cannot be {word}.", $"Use one of {NamesOf<BasicAuthentication>()}.");
        if (request.Licences < 0 || request.ExternalRecipientsPerDay < 0) return Bad("limit-invalid", "A limit cannot be negative.", "Give licences and externalRecipientsPerDay as 0 or more.");
        mailboxes.ChangeTenant(found.Id, t => t with
        {
            SmtpClientAuthenticationDisabled = request.SmtpClientAuthenticationDisabled ?? t.SmtpClientAuthenticationDisabled,
            BasicAuthentication = request.BasicAuthentication is null ? t.BasicAuthentication : basic,
            SecurityDefaults = request.SecurityDefaults ?? t.SecurityDefaults,
            PolicyBlocksSmtp = request.PolicyBlocksSmtp ?? t.PolicyBlocksSmtp,
            Licences = request.Licences ?? t.Licences,
            IsTrial = request.IsTrial ?? t.IsTrial,
            ExternalRecipientsPerDay = request.ExternalRecipientsPerDay ?? t.ExternalRecipientsPerDay,
        });
        return Results.Ok(TenantAnswer.Of(found, directory, mailboxes));
    }

    private static IResult AddUser(NewUserRequest request, EntraDirectory directory, Mailboxes mailboxes)
    {
        if (!EmailAddress.TryParse(request.UserPrincipalName, out var address)) return Bad("user-name-invalid", "The user's name is not an e-mail address.", "Give userPrincipalName such as cleo@meadow.example.");
        if (directory.FindUser(address.Normalized) is not null || mailboxes.Find(address) is { Kind: not MailboxKind.Outside }) return Bad("user-exists", $"{address} is taken.", "Choose another address.", StatusCodes.Status409Conflict);
        var name = string.IsNullOrWhiteSpace(request.DisplayName) ? address.LocalPart : request.DisplayName.Trim();
        var password = request.Password ?? TenantSeed.Password;
        DirectoryUser user;
        if (request.Tenant is null) user = directory.AddPersonalAccount(address.Normalized, name, password);
        else if (directory.FindTenant(request.Tenant) is { Kind: TenantKind.Work } tenant) user = directory.AddUser(tenant.Id, address.Normalized, name, password, request.Roles ?? []);
        else return NoTenant(request.Tenant);
        mailboxes.AddFor(user);
        return Results.Ok(UserAnswer.Of(user));
    }

    private static IResult ChangeUser(string name, UserRequest request, EntraDirectory directory)
    {
        if (directory.FindUser(name) is not { } user) return NoUser(name);
        if (request.Enabled is { } enabled) directory.SetUserEnabled(user.Id, enabled);
        if (request.Password is { Length: > 0 } password) directory.SetPassword(user.Id, password);
        if (request.RevokeSessions == true) directory.RevokeSessions(user.Id);
        return Results.Ok(UserAnswer.Of(directory.FindUser(user.Id)!));
    }

    private static IResult AddApplication(NewApplicationRequest request, EntraDirectory directory)
    {
        if (directory.FindTenant(request.Tenant ?? "") is not { Kind: not TenantKind.Consumers } tenant) return NoTenant(request.Tenant ?? "");
        if (!Enum.TryParse<SignInAudience>(request.Audience ?? nameof(SignInAudience.AzureADandPersonalMicrosoftAccount), out var audience) || !Enum.IsDefined(audience))
            return Bad("audience-unknown", $"There is no audience {request.Audience}.", "Use one of " + string.Join(", ", Enum.GetNames<SignInAudience>()) + ".");
        // Everything that can be refused is looked at before anything is made.
        var users = (request.Assign ?? []).Select(n => (Name: n, User: directory.FindUser(n))).ToList();
        if (users.Find(u => u.User is null) is { Name: { } missing }) return NoUser(missing);

        var registered = directory.Register(tenant.Id, request.Name, audience);
        if (!registered.Succeeded) return Refused(registered.Refusal);
        var app = registered.Value;
        var refusal = (request.RedirectUris ?? []).Select(uri => directory.AddRedirectUri(app.ClientId, uri).Refusal).FirstOrDefault(r => r is not null)
            ?? directory.AddPermissions(app.ClientId, request.Permissions ?? []).Refusal;
        var principal = directory.FindServicePrincipal(app.ClientId, tenant.Id)!;
        refusal ??= directory.Assign(principal.Id, [.. users.Select(u => u.User!.Id)], []).Refusal;
        string? value = null;
        if (refusal is null && request.SecretEnds is { } ends)
        {
            var secret = directory.AddSecret(app.ClientId, request.SecretDescription, ends);
            (value, refusal) = (secret.Value?.Value, secret.Refusal);
        }
        if (refusal is not null)
        {
            directory.DeleteApplication(app.ClientId);
            return Refused(refusal);
        }
        directory.SetAssignmentRequired(principal.Id, request.AssignmentRequired ?? false);
        app = directory.FindApplication(app.ClientId)!;
        if (request.AdminConsent == true) directory.GrantAdminConsent(app, tenant.Id);
        return Results.Ok(ApplicationAnswer.Of(app, value));
    }

    private static IResult ChangeEnterprise(Guid clientId, string tenant, EnterpriseRequest request, EntraDirectory directory)
    {
        if (directory.FindTenant(tenant) is not { } found) return NoTenant(tenant);
        if (directory.FindServicePrincipal(clientId, found.Id) is not { } principal) return Missing("application-unknown", $"The application {clientId} is not used in {found.DisplayName}.", "Register it there, or consent to it once.");
        var assigned = new List<Guid>();
        var groups = new List<Guid>();
        foreach (var name in request.Assign ?? [])
        {
            if (directory.FindUser(name) is { } user) assigned.Add(user.Id);
            else if (directory.FindGroups(found.Id).FirstOrDefault(g => g.DisplayName == name) is { } group) groups.Add(group.Id);
            else return NoUser(name);
        }
        if (directory.Assign(principal.Id, assigned, groups) is { Refusal: { } refusal }) return Refused(refusal);
        foreach (var name in request.Unassign ?? [])
        {
            var id = directory.FindUser(name)?.Id ?? directory.FindGroups(found.Id).FirstOrDefault(g => g.DisplayName == name)?.Id;
            foreach (var assignment in directory.FindServicePrincipal(principal.Id)!.Assignments.Where(a => a.PrincipalId == id)) directory.RemoveAssignment(principal.Id, assignment.Id);
        }
        if (request.AssignmentRequired is { } required) directory.SetAssignmentRequired(principal.Id, required);
        if (request.Enabled is { } enabled) directory.SetSignInEnabled(principal.Id, enabled);
        return Results.Ok(EnterpriseAnswer.Of(directory.FindServicePrincipal(principal.Id)!));
    }

    private static IResult RevokeConsent(Guid clientId, string name, EntraDirectory directory)
    {
        if (directory.FindUser(name) is not { } user) return NoUser(name);
        directory.RevokeConsent(clientId, user.Id);
        return Results.NoContent();
    }

    // ---- Mailboxes

    private static IResult ChangeMailbox(string address, MailboxRequest request, Mailboxes mailboxes, EntraDirectory directory)
    {
        if (mailboxes.Find(address) is not { Kind: not MailboxKind.Outside } mailbox) return NoMailbox(address);
        if (request.SmtpClientAuthentication is not (null or "enabled" or "disabled" or "inherited")) return Bad("switch-unknown", $"smtpClientAuthentication cannot be {request.SmtpClientAuthentication}.", "Use enabled, disabled or inherited.");
        var names = (request.FullAccess ?? []).Concat(request.SendAs ?? []).ToList();
        if (names.Find(n => directory.FindUser(n) is null) is { } missing) return NoUser(missing);
        if (request.Flaw() is { } flaw) return Bad("limit-invalid", flaw, "Change the request and send it again.");
        mailbox.Change(s => s with
        {
            SmtpClientAuthenticationDisabled = request.SmtpClientAuthentication switch { null => s.SmtpClientAuthenticationDisabled, "inherited" => null, var word => word == "disabled" },
            ImapEnabled = request.ImapEnabled ?? s.ImapEnabled,
            MaxSendBytes = request.MaxSendBytes ?? s.MaxSendBytes,
            MaxConnections = request.MaxConnections ?? s.MaxConnections,
            MessagesPerMinute = request.MessagesPerMinute ?? s.MessagesPerMinute,
            RecipientsPerDay = request.RecipientsPerDay ?? s.RecipientsPerDay,
            MaxRecipients = request.MaxRecipients ?? s.MaxRecipients,
            QuotaBytes = request.QuotaBytes is { } quota ? (quota == 0 ? null : quota) : s.QuotaBytes,
            ErrorsUntilThrottled = request.ErrorsUntilThrottled ?? s.ErrorsUntilThrottled,
            ThrottledFor = request.ThrottledFor ?? s.ThrottledFor,
            FullAccess = request.FullAccess is null ? s.FullAccess : [.. request.FullAccess.Select(n => directory.FindUser(n)!.Id)],
            SendAs = request.SendAs is null ? s.SendAs : [.. request.SendAs.Select(n => directory.FindUser(n)!.Id)],
        });
        return Results.Ok(MailboxAnswer.Of(mailbox));
    }

    private static IResult Throttle(string address, ThrottleRequest request, Mailboxes mailboxes)
    {
        if (mailboxes.Find(address) is not { Kind: not MailboxKind.Outside } mailbox) return NoMailbox(address);
        if (!TryName<ThrottleReason>(request.Reason, out var reason)) return Bad("reason-unknown", $"There is no reason {request.Reason}.", $"Use one of {NamesOf<ThrottleReason>()}.");
        if (request.For <= TimeSpan.Zero || request.For > TimeSpan.FromDays(365)) return Bad("limit-invalid", "A mailbox is closed for a time of up to a year.", "Give for as days.hours:minutes:seconds, such as 01:00:00.");
        mailbox.Submission.Throttle(reason, request.For ?? mailbox.Settings.ThrottledFor);
        return Results.Ok(SubmissionAnswer.Of(mailbox));
    }

    private static IResult Release(string address, Mailboxes mailboxes)
    {
        if (mailboxes.Find(address) is not { Kind: not MailboxKind.Outside } mailbox) return NoMailbox(address);
        mailbox.Submission.Release();
        return Results.NoContent();
    }

    private static IResult ReadFolder(string address, string folder, Mailboxes mailboxes, uint? after, int? limit)
    {
        if (mailboxes.Find(address) is not { } mailbox) return NoMailbox(address);
        if (mailbox.Folder(folder) is not { } found) return NoFolder(folder);
        var page = found.Messages().Where(m => m.Uid > (after ?? 0)).Take(Math.Clamp(limit ?? 50, 1, MaxPage) + 1).ToList();
        var more = page.Count > Math.Clamp(limit ?? 50, 1, MaxPage);
        if (more) page.RemoveAt(page.Count - 1);
        return Results.Ok(new MessagesAnswer(found.UidValidity, [.. page.Select(MessageAnswer.Of)], more ? page[^1].Uid : null));
    }

    private static IResult ReadMessage(string address, string folder, long uid, HttpContext http, Mailboxes mailboxes)
    {
        if (mailboxes.Find(address) is not { } mailbox) return NoMailbox(address);
        if (mailbox.Folder(folder) is not { } found) return NoFolder(folder);
        if (uid is < 1 or > uint.MaxValue || found.Find((uint)uid) is not { } message) return Missing("message-unknown", $"There is no message {uid} in {folder}.", "List the folder to see what is there.");
        // Never shown by a browser as a page of the sandbox.
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers.ContentDisposition = $"attachment; filename=\"{message.Uid}.eml\"";
        return Results.Bytes(message.Bytes, RawMessage);
    }

    /// <summary>A message exactly as given, from nobody: for bounces, hostile mail and whatever else arrives in reality.</summary>
    private static async Task<IResult> DeliverAsync(string address, HttpContext http, Mailboxes mailboxes, Transport transport)
    {
        if (http.Request.ContentType?.StartsWith(RawMessage, StringComparison.OrdinalIgnoreCase) != true) return Bad("message-type", "A message is delivered as message/rfc822.", "Send the raw message with Content-Type: message/rfc822.", StatusCodes.Status415UnsupportedMediaType);
        if (!EmailAddress.TryParse(address, out var recipient)) return NoMailbox(address);
        if (!mailboxes.HasRoomFor(recipient)) return Bad("too-many-correspondents", "The sandbox keeps mail for ten thousand addresses and no more.", "Start it anew.", StatusCodes.Status409Conflict);
        using var whole = new MemoryStream();
        await http.Request.Body.CopyToAsync(whole, http.RequestAborted);
        var mailbox = mailboxes.FindOrInvent(recipient);
        var uid = transport.Deliver(mailbox, whole.ToArray());
        return Results.Ok(MessageAnswer.Of(mailbox.Inbox.Find(uid)!));
    }

    private static IResult Write(string address, LetterRequest request, Mailboxes mailboxes, Transport transport)
    {
        if (!EmailAddress.TryParse(address, out var writer) || !mailboxes.HasRoomFor(writer)) return NoMailbox(address);
        var sender = mailboxes.FindOrInvent(writer);
        var answered = request.AnswersUid is { } uid ? sender.Folder(request.AnswersFolder ?? Mailbox.InboxName)?.Find(uid) : null;
        if (request.AnswersUid is not null && answered is null) return Missing("message-unknown", "The message to answer is not there.", "List the folder to see what is there.");
        var original = answered is null ? null : MimeMessage.Read(answered.Bytes);
        var to = AddressList.Parse(string.Join(", ", request.To ?? [])).Addresses;
        if (to.Count == 0 && original is not null) to = original.ReplyTo.Count > 0 ? original.ReplyTo : original.From;
        if (to.Count == 0) return Bad("recipient-missing", "The message has no recipient.", "Give to, or the message that it answers.");
        var bytes = transport.Write(sender, new Letter(to, request.Subject ?? "Re: " + original?.Subject, request.Text ?? "", answered) { Html = request.Html });
        return Results.Ok(new LetterAnswer(MimeMessage.Read(bytes).MessageId));
    }

    // ---- Faults

    private static IResult AddFault(FaultRequest request, SmtpScript script)
    {
        if (!TryName<SmtpStage>(request.Stage, out var stage)) return Bad("stage-unknown", $"There is no stage {request.Stage}.", $"Use one of {NamesOf<SmtpStage>()}.");
        var hangUp = SmtpHangUp.No;
        if (request.HangUp is { } word && !TryName(word, out hangUp)) return Bad("switch-unknown", $"hangUp cannot be {word}.", $"Use one of {NamesOf<SmtpHangUp>()}.");
        if (request.Reply is { } line && SmtpReply.Read(line) is null) return Bad("reply-invalid", "That is not a reply.", "Give code, enhanced code and text on one line, such as 451 4.7.500 Server busy.");
        var fault = new SmtpFault(stage)
        {
            Reply = request.Reply is null ? null : SmtpReply.Read(request.Reply),
            Delay = request.Delay ?? TimeSpan.Zero,
            HangUp = hangUp,
            Taken = request.Taken,
            Address = request.Address,
            Skip = request.Skip ?? 0,
            Every = request.Every ?? 1,
            Times = request.Times,
            From = request.From,
            Until = request.Until,
        };
        if (fault.Flaw() is { } flaw) return Bad("fault-invalid", flaw, "Change the request and send it again.");
        var id = script.Add(fault);
        return Results.Ok(FaultAnswer.Of(new(id, fault, 0, 0)));
    }

    /// <summary>By name only, in any case of letters: a number would be taken for a value that does not exist.</summary>
    private static bool TryName<T>(string? word, out T value) where T : struct, Enum =>
        Enum.TryParse(word, ignoreCase: true, out value) && Enum.IsDefined(value) && !char.IsAsciiDigit(word![0]);

    private static string NamesOf<T>() where T : struct, Enum => string.Join(", ", Enum.GetNames<T>().Select(JsonNamingPolicy.CamelCase.ConvertName));

    // ---- Refusals

    private static bool IsDomain(string? domain) => domain is not null && EmailAddress.TryParse("x@" + domain, out _);

    private static IResult NoTenant(string tenant) => Missing("tenant-unknown", $"There is no such tenant: {tenant}.", "GET /control/tenants lists them; use an id or a domain.");
    private static IResult NoUser(string name) => Missing("user-unknown", $"There is no such user: {name}.", "GET /control/users lists them.");
    private static IResult NoMailbox(string address) => Missing("mailbox-unknown", $"There is no such mailbox: {address}.", "GET /control/mailboxes lists them.");
    private static IResult NoFolder(string folder) => Missing("folder-unknown", $"There is no such folder: {folder}.", "GET /control/mailboxes/{address} lists them.");

    private static IResult Missing(string code, string what, string remedy) => Bad(code, what, remedy, StatusCodes.Status404NotFound);

    private static IResult Refused(DirectoryRefusal refusal) => Bad(refusal.Code, refusal.Message, "Change the request and send it again.");

    private static IResult Bad(string code, string what, string remedy, int status = StatusCodes.Status400BadRequest) =>
        Results.Problem(title: what, statusCode: status, extensions: new Dictionary<string, object?>(StringComparer.Ordinal) { ["code"] = code, ["remedy"] = remedy, ["retry"] = "no" });
}
