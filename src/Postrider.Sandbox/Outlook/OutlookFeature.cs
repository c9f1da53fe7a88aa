using System.Collections.Immutable;
using System.Net.Mime;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Mime;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Exchange;
using Postrider.Sandbox.Portal;

namespace Postrider.Sandbox.Outlook;

/// <summary>
/// A page for every mailbox, of a tenant's people and of people outside: read, answer, write. Nobody signs in here: it is the tester's window
/// into mail that is made up, and people outside have no account to sign in with.
/// </summary>
internal static class OutlookFeature
{
    // Above the largest message a mailbox may send, in base64, so that the form can still say what was too big.
    private const int MaxFormBytes = 64 * 1024 * 1024;
    private const int PageSize = 50;

    public static void MapOutlook(this IEndpointRouteBuilder routes)
    {
        var outlook = routes.MapGroup("/outlook").WithOwnForms().WithFlash().ExcludeFromDescription();
        outlook.WithMetadata(new RequestSizeLimitAttribute(MaxFormBytes));

        outlook.MapGet("", (HttpContext http, Mailboxes mailboxes) => ShowAll(http, mailboxes, entered: null, problem: null));
        outlook.MapPost("", async (HttpContext http, Mailboxes mailboxes, EntraDirectory directory) =>
        {
            var entered = (await FormOf(http))["address"].ToString().Trim();
            if (!EmailAddress.TryParse(entered, out var address)) return ShowAll(http, mailboxes, entered, "Enter one e-mail address, such as carla@customer.example.");
            if (mailboxes.Find(address) is null && directory.FindTenant(address.Domain) is { } tenant) return ShowAll(http, mailboxes, entered, $"{tenant.DisplayName} has no such mailbox.");
            if (!mailboxes.HasRoomFor(address)) return ShowAll(http, mailboxes, entered, "This sandbox holds as many mailboxes as it can. Open one of those that are there.");
            return Results.Redirect(OutlookAddress.Of(mailboxes.FindOrInvent(address)));
        });

        var one = outlook.MapGroup("/{address}");
        one.MapGet("", (HttpContext http, string address, string? folder, uint? before) => WithFolder(http, address, folder, (mailbox, within) =>
            ShowFolder(http, mailbox, within, before, read: null, view: null)));

        MapMessage(one.MapGroup("/message"));
        MapCompose(one.MapGroup("/compose"));
    }

    private static void MapMessage(RouteGroupBuilder message)
    {
        message.MapGet("", (HttpContext http, string address, string? folder, uint uid, string? view, uint? before) => WithMessage(http, address, folder, uid, (mailbox, within, stored) =>
        {
            // Opening a message reads it, as in Outlook; other programs on the mailbox see that at once.
            if (!stored.Flags.Contains("\\Seen", StringComparer.OrdinalIgnoreCase)) within.SetFlags(uid, [.. stored.Flags, "\\Seen"]);
            return ShowFolder(http, mailbox, within, before, within.Find(uid), view);
        }));

        message.MapPost("/unread", async (HttpContext http, string address) =>
        {
            var (folder, uid) = Named(await FormOf(http));
            return WithMessage(http, address, folder, uid, (mailbox, within, stored) =>
            {
                within.SetFlags(uid, [.. stored.Flags.Where(f => !f.Equals("\\Seen", StringComparison.OrdinalIgnoreCase))]);
                return Results.Redirect(OutlookAddress.Of(mailbox, within));
            });
        });

        message.MapPost("/delete", async (HttpContext http, FlashCookie flash, string address) =>
        {
            var (folder, uid) = Named(await FormOf(http));
            return WithMessage(http, address, folder, uid, (mailbox, within, stored) =>
            {
                var bin = mailbox.Folder("Deleted Items");
                if (bin is not null && bin != within) bin.Append(stored.Bytes, stored.Flags, stored.InternalDate);
                within.Remove(uid);
                return flash.Redirect(http, OutlookAddress.Of(mailbox, within), bin is not null && bin != within ? "Moved to Deleted Items." : "Deleted for good.");
            });
        });

        message.MapGet("/html", (HttpContext http, string address, string? folder, uint uid) => WithMessage(http, address, folder, uid, (_, _, stored) =>
        {
            if (HtmlView.Of(MimeMessage.Read(stored.Bytes)) is not { } html) return Results.NotFound();
            Seal(http, "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'");
            return Results.Content(html, "text/html; charset=utf-8");
        }));

        message.MapGet("/source", (HttpContext http, string address, string? folder, uint uid) => WithMessage(http, address, folder, uid, (_, within, stored) =>
        {
            Seal(http, "frame-ancestors 'none'");
            return Results.Bytes(stored.Bytes, "message/rfc822", $"{within.DisplayName} {uid}.eml");
        }));

        message.MapGet("/attachment", (HttpContext http, string address, string? folder, uint uid, int n) => WithMessage(http, address, folder, uid, (_, _, stored) =>
        {
            var attachments = MimeMessage.Read(stored.Bytes).Attachments;
            if (n < 0 || n >= attachments.Count) return Results.NotFound();
            Seal(http, "frame-ancestors 'none'");
            // Whatever the sender calls it, the browser saves it and shows nothing.
            return Results.Bytes(attachments[n].DecodeBytes(), MediaTypeNames.Application.Octet, attachments[n].FileName is { Length: > 0 } name ? name : $"attachment-{n + 1}");
        }));
    }

    private static void MapCompose(RouteGroupBuilder compose)
    {
        compose.MapGet("", (HttpContext http, string address, string? folder, uint? answer, bool? all, string? to) => WithMailbox(http, address, mailbox =>
        {
            var answered = answer is { } uid ? mailbox.Folder(folder ?? Mailbox.InboxName)?.Find(uid) : null;
            var fields = answered is null ? LetterFields.Empty with { To = to ?? "" } : Reply.To(MimeMessage.Read(answered.Bytes), mailbox.Address, all == true);
            return ShowCompose(http, mailbox, fields with { Folder = answered is null ? null : folder ?? Mailbox.InboxName, Answered = answered?.Uid }, LetterProblems.None);
        }));

        compose.MapPost("", async (HttpContext http, Mailboxes mailboxes, Transport transport, FlashCookie flash, string address) =>
        {
            var form = await FormOf(http);
            var fields = LetterFields.Read(form);
            var files = form.Files.GetFiles("files").Where(f => f.Length > 0).ToList();
            if (mailboxes.Find(address) is not { } mailbox) return SayPage.NotFound(http);

            var (recipients, problems) = fields.Check(files.Sum(f => f.Length), mailbox.Settings.MaxSendBytes);
            if (!problems.Any && recipients.To.Concat(recipients.Cc).FirstOrDefault(a => !mailboxes.HasRoomFor(a.Address)) is { } homeless)
                problems = problems with { To = $"This sandbox holds as many mailboxes as it can: there is no room for {homeless.Address}." };
            if (problems.Any) return ShowCompose(http, mailbox, fields, problems);

            var answered = fields.Answered is { } uid ? mailbox.Folder(fields.Folder ?? Mailbox.InboxName)?.Find(uid) : null;
            transport.Write(mailbox, new Letter(recipients.To, fields.Subject, fields.Text, answered) { Cc = recipients.Cc, Attachments = await ReadAsync(files, http.RequestAborted) });
            return flash.Redirect(http, OutlookAddress.Of(mailbox), "Sent.");
        });
    }

    private static async Task<ImmutableArray<DraftAttachment>> ReadAsync(List<IFormFile> files, CancellationToken cancel)
    {
        var attachments = ImmutableArray.CreateBuilder<DraftAttachment>(files.Count);
        foreach (var file in files)
        {
            var bytes = new byte[file.Length];
            await using var stream = file.OpenReadStream();
            await stream.ReadExactlyAsync(bytes, cancel);
            var mediaType = MediaTypeHeaderValue.TryParse(file.ContentType, out var type) && type.MediaType.HasValue ? type.MediaType.Value : MediaTypeNames.Application.Octet;
            attachments.Add(new DraftAttachment(Path.GetFileName(file.FileName), mediaType, bytes));
        }
        return attachments.MoveToImmutable();
    }

    /// <summary>Bytes of a stranger: shown in a sandbox of their own origin or not at all, and never taken for something else.</summary>
    private static void Seal(HttpContext http, string directives)
    {
        http.Response.Headers.ContentSecurityPolicy = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; " + directives;
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        http.Response.Headers.CacheControl = "no-store";
    }

    private static Task<IFormCollection> FormOf(HttpContext http) => http.Request.ReadFormAsync(http.RequestAborted);

    private static (string? Folder, uint Uid) Named(IFormCollection form) => (form["folder"], uint.TryParse(form["uid"], out var uid) ? uid : 0);

    private static IResult WithMailbox(HttpContext http, string address, Func<Mailbox, IResult> then) =>
        http.RequestServices.GetRequiredService<Mailboxes>().Find(address) is { } mailbox ? then(mailbox) : SayPage.Show(http, StatusCodes.Status404NotFound, "No such mailbox", $"There is no mailbox {address} in this sandbox.", "/outlook", "All mailboxes");

    private static IResult WithFolder(HttpContext http, string address, string? folder, Func<Mailbox, MailFolder, IResult> then) => WithMailbox(http, address, mailbox =>
        mailbox.Folder(folder ?? Mailbox.InboxName) is { } found ? then(mailbox, found) : SayPage.Show(http, StatusCodes.Status404NotFound, "No such folder", $"{mailbox.Address} has no folder {folder}.", OutlookAddress.Of(mailbox), "Inbox"));

    private static IResult WithMessage(HttpContext http, string address, string? folder, uint uid, Func<Mailbox, MailFolder, ImapStoredMessage, IResult> then) => WithFolder(http, address, folder, (mailbox, within) =>
        within.Find(uid) is { } stored ? then(mailbox, within, stored) : SayPage.Show(http, StatusCodes.Status404NotFound, "No such message", "It was moved or deleted.", OutlookAddress.Of(mailbox, within), within.DisplayName));

    private static IResult ShowAll(HttpContext http, Mailboxes mailboxes, string? entered, string? problem) => Page.Show<MailboxesPage>(http, new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        [nameof(MailboxesPage.All)] = mailboxes.All,
        [nameof(MailboxesPage.Entered)] = entered,
        [nameof(MailboxesPage.Problem)] = problem,
    }, problem is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);

    private static IResult ShowFolder(HttpContext http, Mailbox mailbox, MailFolder folder, uint? before, ImapStoredMessage? read, string? view)
    {
        var older = folder.Messages().Reverse().Where(m => before is null || m.Uid < before).Take(PageSize + 1).ToList();
        return Page.Show<MailboxPage>(http, new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            [nameof(MailboxPage.Mailbox)] = mailbox,
            [nameof(MailboxPage.Folder)] = folder,
            [nameof(MailboxPage.Lines)] = older.Take(PageSize).Select(MessageLine.Of).ToArray(),
            [nameof(MailboxPage.Before)] = before,
            [nameof(MailboxPage.More)] = older.Count > PageSize ? older[PageSize - 1].Uid : null,
            [nameof(MailboxPage.Read)] = read,
            [nameof(MailboxPage.View)] = view,
        });
    }

    private static IResult ShowCompose(HttpContext http, Mailbox mailbox, LetterFields fields, LetterProblems problems) => Page.Show<ComposePage>(http, new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        [nameof(ComposePage.Mailbox)] = mailbox,
        [nameof(ComposePage.Entered)] = fields,
        [nameof(ComposePage.Problems)] = problems,
    }, problems.Any ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK);
}
