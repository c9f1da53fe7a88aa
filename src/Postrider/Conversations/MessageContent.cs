using System.Text;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>What strangers wrote and sent: HTML for the sandboxed frame, files and originals for download. Nothing of it may act in the hub's name.</summary>
internal static class MessageContent
{
    // Whatever the sanitiser let through could still neither run, nor load, nor send, nor leave its frame. The sandbox has no allow-scripts and no allow-same-origin.
    // Pictures come from the hub's own signed links; by https from anywhere only in the answer to somebody who asked for them.
    internal static string FramePolicy(HttpRequest request, bool remotePictures) =>
        $"default-src 'none'; style-src 'unsafe-inline'; img-src {request.Scheme}://{request.Host}{PictureLinks.Path}{(remotePictures ? " https:" : "")}; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

    internal const string FilePolicy = "default-src 'none'; sandbox";
    // A browser's own viewer of PDF does not work in a sandbox, and shows the file by pages of its own.
    internal const string PdfPolicy = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/conversations/{id:guid}").RequireAuthorization(Policies.SignedIn).ExcludeFromDescription();
        group.MapGet("/messages/{message:guid}/html", async (Guid id, Guid message, string? pictures, ConversationReading reading, PictureLinks links, Viewer viewer, HttpContext http, CancellationToken cancel) =>
        {
            var remote = links.Permits(pictures, new(message), viewer);
            if (await reading.HtmlAsync(new(id), new(message), links, remote, cancel) is not { } html) return Results.NotFound();
            http.Response.Headers.ContentSecurityPolicy = FramePolicy(http.Request, remote);
            http.Response.Headers["Referrer-Policy"] = "no-referrer";
            return Results.Text(Framed(html), "text/html", Encoding.UTF8);
        });
        group.MapGet("/messages/{message:guid}/original", async (Guid id, Guid message, ConversationReading reading, HttpContext http, CancellationToken cancel) =>
            await reading.OriginalAsync(new(id), new(message), cancel) is { } original ? Download(http, original) : Results.NotFound());
        group.MapGet("/attachments/{attachment:guid}", async (Guid id, Guid attachment, ConversationReading reading, HttpContext http, CancellationToken cancel) =>
            await reading.FileAsync(new(id), new(attachment), cancel) is { } file ? Download(http, file) : Results.NotFound());
        group.MapGet("/attachments/{attachment:guid}/preview", async (Guid id, Guid attachment, ConversationReading reading, HttpContext http, CancellationToken cancel) =>
            await reading.FileAsync(new(id), new(attachment), cancel) is { } file ? Preview(http, file) : Results.NotFound());
        // The link itself is the permission: the frame it stands in has no cookies to show.
        routes.MapGet(PictureLinks.Path + "{word}", async (string word, ConversationReading reading, PictureLinks links, HttpContext http, CancellationToken cancel) =>
        {
            if (links.Open(word) is not var (conversation, attachment) || await reading.FileAsync(conversation, attachment, cancel) is not { } file) return Results.NotFound();
            // The frame is of another origin than everything else, its own hub included.
            http.Response.Headers["Cross-Origin-Resource-Policy"] = "cross-origin";
            return Preview(http, file);
        }).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>A browser may show a preview of this file, to judge by what its message says of it; <see cref="Preview"/> looks at the bytes.</summary>
    public static bool MayHavePreview(ThreadAttachment file) => IsPicture(file) || file.MediaType.Equals("application/pdf", StringComparison.OrdinalIgnoreCase) && file.Size <= MaxPreviewBytes;

    public static bool IsPicture(ThreadAttachment file) => RasterPicture.MediaTypes.Contains(file.MediaType) && file.Size <= MaxPreviewBytes;

    private const int MaxPreviewBytes = 25 << 20;

    /// <summary>Shown, not downloaded: pictures that are only drawn, and PDF. The type is what the bytes are, never what the message or the name says.</summary>
    private static IResult Preview(HttpContext http, OpenedFile file)
    {
        var picture = RasterPicture.Read(file.Bytes);
        if (picture is { IsDrawable: false }) return Problems.ToResult(ConversationsProblems.PreviewImpossible(ConversationsTexts.PreviewTooLarge.With(picture.Width, picture.Height)), StatusCodes.Status415UnsupportedMediaType);
        var isPdf = picture is null && file.Bytes.AsSpan().StartsWith("%PDF-"u8);
        if (picture is null && !isPdf) return Problems.ToResult(ConversationsProblems.PreviewImpossible(ConversationsTexts.PreviewOtherKind), StatusCodes.Status415UnsupportedMediaType);
        http.Response.Headers.ContentSecurityPolicy = isPdf ? PdfPolicy : FilePolicy;
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers.ContentDisposition = "inline";
        return Results.Bytes(file.Bytes, picture?.MediaType ?? "application/pdf");
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
        if (html.Cut) notes.Add(ConversationsTexts.HtmlCut);
        return "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title></title><style>"
            + ":root{color-scheme:light}body{margin:0;padding:10px 14px;background:#fff;color:#1d2025;font:14px/1.5 \"Segoe UI\",system-ui,-apple-system,\"Noto Sans\",\"Liberation Sans\",sans-serif;overflow-wrap:anywhere}"
            + "img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}blockquote{margin:.5em 0 .5em .25em;padding-left:.9em;border-left:3px solid #d5d8dd;color:#555a61}"
            + ".real-host{color:#b3261e;font-size:.85em}.note{margin:0 0 10px;padding:4px 8px;border-radius:4px;background:#f1f2f4;color:#5d6066;font-size:12px}"
            + "</style></head><body>" + string.Concat(notes.Select(n => "<p class=\"note\">" + System.Net.WebUtility.HtmlEncode(n) + "</p>")) + html.Html + "</body></html>";
    }
}
