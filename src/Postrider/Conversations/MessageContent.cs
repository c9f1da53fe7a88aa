using System.Text;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What strangers wrote and sent: HTML for the sandboxed frame, files and originals for download. Nothing of it may act in the hub's name.</summary>
internal static class MessageContent
{
    // Whatever the sanitiser let through could still neither run, nor load, nor send, nor leave its frame. The sandbox has no allow-scripts and no allow-same-origin.
    internal const string FramePolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";
    internal const string FilePolicy = "default-src 'none'; sandbox";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/conversations/{id:guid}").RequireAuthorization(Policies.SignedIn).ExcludeFromDescription();
        group.MapGet("/messages/{message:guid}/html", async (Guid id, Guid message, ConversationReading reading, HttpContext http, CancellationToken cancel) =>
        {
            if (await reading.HtmlAsync(new(id), new(message), cancel) is not { } html) return Results.NotFound();
            http.Response.Headers.ContentSecurityPolicy = FramePolicy;
            http.Response.Headers["Referrer-Policy"] = "no-referrer";
            return Results.Text(Framed(html), "text/html", Encoding.UTF8);
        });
        group.MapGet("/messages/{message:guid}/original", async (Guid id, Guid message, ConversationReading reading, HttpContext http, CancellationToken cancel) =>
            await reading.OriginalAsync(new(id), new(message), cancel) is { } original ? Download(http, original) : Results.NotFound());
        group.MapGet("/attachments/{attachment:guid}", async (Guid id, Guid attachment, ConversationReading reading, HttpContext http, CancellationToken cancel) =>
            await reading.FileAsync(new(id), new(attachment), cancel) is { } file ? Download(http, file) : Results.NotFound());
    }

    /// <summary>Always a download, whatever it says it is; a browser that opens it all the same gives it no rights (WEB-06).</summary>
    internal static IResult Download(HttpContext http, OpenedFile file)
    {
        http.Response.Headers.ContentSecurityPolicy = FilePolicy;
        http.Response.Headers.XContentTypeOptions = "nosniff";
        var type = file.MediaType.Length is > 0 and <= 127 && !file.MediaType.Any(char.IsControl) ? file.MediaType : "application/octet-stream";
        return Results.Bytes(file.Bytes, type, file.FileName);
    }

    // The frame stands on white: mail is written for white paper, and half of it sets its text's colour but not its ground's.
    private static string Framed(SafeHtml html)
    {
        List<string> notes = [];
        if (html.BlockedPictures > 0) notes.Add(ConversationsTexts.BlockedPictures.With(html.BlockedPictures));
        if (html.Cut) notes.Add(ConversationsTexts.HtmlCut);
        return "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title></title><style>"
            + ":root{color-scheme:light}body{margin:0;padding:10px 14px;background:#fff;color:#1d2025;font:14px/1.5 \"Segoe UI\",system-ui,-apple-system,\"Noto Sans\",\"Liberation Sans\",sans-serif;overflow-wrap:anywhere}"
            + "img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}blockquote{margin:.5em 0 .5em .25em;padding-left:.9em;border-left:3px solid #d5d8dd;color:#555a61}"
            + ".real-host{color:#b3261e;font-size:.85em}.note{margin:0 0 10px;padding:4px 8px;border-radius:4px;background:#f1f2f4;color:#5d6066;font-size:12px}"
            + "</style></head><body>" + string.Concat(notes.Select(n => "<p class=\"note\">" + System.Net.WebUtility.HtmlEncode(n) + "</p>")) + html.Html + "</body></html>";
    }
}
