using System.Data.Common;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Postrider.Mail.Mime;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>A file that was stored as it came.</summary>
/// <param name="File">Without its bytes.</param>
internal sealed record UploadedFile(DraftAttachment File, StoredBody Body);

/// <summary>A mail as multipart/form-data: first its JSON, then its files, each of which goes into the store chunk by chunk. docs/decisions/0023.</summary>
internal static class MailUpload
{
    public const string MailPart = "mail";

    /// <summary>Bytes of the JSON: the texts, and small files if the program likes.</summary>
    private const int MaxMailPart = 8 * 1024 * 1024;

    // Part headers and boundaries.
    private const int Slack = 1024 * 1024;

    /// <summary>202 after the commit, or a problem with nothing stored.</summary>
    public static async Task<IResult> PutAsync(HttpContext http, string? idempotencyKey, Outbox outbox, Bodies bodies, Viewer viewer, TimeProvider clock, CancellationToken cancel)
    {
        var limit = outbox.MaxFilesBytes + MaxMailPart + Slack;
        var patience = Math.Max(limit, OutgoingMailApi.Patience);
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = patience;
        var body = new CappedBody(http.Request.Body, limit);
        var files = new List<UploadedFile>();
        var taken = false;
        MeasuredBody? reading = null;
        try
        {
            var result = await TakeAsync();
            if (!taken && http.Request.ContentLength is null or <= OutgoingMailApi.Patience && http.Request.Headers.Expect.Count == 0) await body.DrainAsync(cancel);
            return result;
        }
        finally
        {
            // What a mail names has its row now; the sweep takes what else there is.
            if (!taken) foreach (var file in files) await bodies.DropAsync(file.Body.Id);
        }

        async Task<IResult> TakeAsync()
        {
            if (outbox.NoRoom is { } full) return Problems.ToResult(full, OutgoingMailApi.StatusOf(full));
            if (http.Request.ContentLength > limit) return TooLarge(http.Request.ContentLength.Value);
            try
            {
                if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type) || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 100 } boundary) return Wrong("There is no boundary.");
                var parts = new MultipartReader(boundary.ToString(), body);
                if (await parts.ReadNextSectionAsync(cancel) is not { } first || NameOf(first) is not { Name: MailPart }) return Wrong($"The first part is not {MailPart}.");
                var (message, problem) = MailRequestReader.Read(await RequestAsync(first.Body, cancel), viewer, idempotencyKey, clock.GetUtcNow());
                if (message is null) return OutgoingMailApi.Refused(problem!, viewer);

                long sum = 0;
                while (await parts.ReadNextSectionAsync(cancel) is { } part)
                {
                    if (NameOf(part).FileName is not { Length: > 0 } name) return Wrong("A part has no file name.");
                    if (files.Count == OutgoingMessageRules.MaxFiles) return Wrong($"There are more than {OutgoingMessageRules.MaxFiles} files.");
                    using var measured = reading = new MeasuredBody(part.Body, outbox.MaxFilesBytes - sum);
                    var stored = await bodies.PutAsync(measured, cancel);
                    var contentId = part.Headers is { } headers && headers.TryGetValue("Content-ID", out var given) ? given.ToString().Trim().Trim('<', '>') : null;
                    files.Add(new(new DraftAttachment(name, MediaTypeHeaderValue.TryParse(part.ContentType, out var kind) ? kind.MediaType.ToString() : "application/octet-stream", default, contentId), stored));
                    sum += stored.Length;
                }

                var before = message.Attachments.Count;
                var put = await outbox.PutAsync(
                    message with
                    {
                        Attachments = [.. message.Attachments, .. files.Select(file => file.File)],
                        StoredFiles = [.. Enumerable.Repeat<StoredBody?>(null, before), .. files.Select(file => file.Body)],
                    },
                    null, cancel);
                taken = put.Id is not null;
                return OutgoingMailApi.Answer(put);
            }
            catch (InvalidDataException)
            {
                return reading is { IsOver: true } ? TooLarge(null) : Wrong($"A part cannot be read, or the part {MailPart} is longer than {MaxMailPart >> 20} MB.");
            }
            catch (JsonException)
            {
                return Problems.ToResult(OutgoingMailProblems.HeaderInvalid($"The part {MailPart} is not the JSON that was expected."), StatusCodes.Status400BadRequest);
            }
            catch (DbException failure) when (WebProblems.OfStorage(failure) is { } problem)
            {
                return Problems.ToResult(problem, OutgoingMailApi.StatusOf(problem));
            }
            catch (IOException cut) when (cut is not BadHttpRequestException)
            {
                return Wrong("The request ends before its last part.");
            }
        }

        IResult TooLarge(long? length) => Problems.ToResult(OutgoingMailProblems.FilesTooLarge(length, outbox.MaxFilesBytes), StatusCodes.Status413PayloadTooLarge);

        static IResult Wrong(string detail) => Problems.ToResult(OutgoingMailProblems.PartsInvalid(detail), StatusCodes.Status400BadRequest);
    }

    private static ValueTask<MailRequest?> RequestAsync(Stream part, CancellationToken cancel) => JsonSerializer.DeserializeAsync<MailRequest>(new CappedBody(part, MaxMailPart), JsonSerializerOptions.Web, cancel);

    private static (string? Name, string? FileName) NameOf(MultipartSection part) => ContentDispositionHeaderValue.TryParse(part.ContentDisposition, out var disposition)
        ? (HeaderUtilities.RemoveQuotes(disposition.Name).Value, HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).Value)
        : (null, null);

    /// <summary>Counts what passes, and ends with <see cref="InvalidDataException"/> beyond its limit.</summary>
    private sealed class MeasuredBody(Stream inner, long limit) : ForwardStream
    {
        private long count;

        public bool IsOver => count > limit;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            count += read;
            return !IsOver ? read : throw new InvalidDataException($"The files are longer than {limit} bytes.");
        }
    }
}
