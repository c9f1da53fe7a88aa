using Microsoft.AspNetCore.Http.Features;
using Postrider.Settings;
using Postrider.Web;

namespace Postrider.Conversations;

/// <summary>A page or address whose form brings files, as many bytes as <see cref="SystemParameters.MaxFilesBytes"/> together.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class TakesFilesAttribute : Attribute;

internal static class TakesFiles
{
    // The texts, and what stands around the files.
    private const long Slack = 16L << 20;

    // COR_E_IO: an input that ends within a part. A full disk has a number of its own, and is another's problem.
    private const int EndedEarly = unchecked((int)0x80131620);

    /// <summary>After the routes and who may use them, before anything reads the form. A form with up to twice the limit still gets an answer that names it; beyond, the line is cut. One that cannot be read is 400.</summary>
    public static IApplicationBuilder UseTakesFiles(this IApplicationBuilder app) => app.Use(async (http, next) =>
    {
        if (http.Request.HasFormContentType && http.GetEndpoint()?.Metadata.GetMetadata<TakesFilesAttribute>() is not null && !await ReadAsync(http))
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            await ProblemPages.AnswerAsync(http, WebProblems.NotUnderstood);
            return;
        }

        await next(http);
    });

    private static async Task<bool> ReadAsync(HttpContext http)
    {
        var limit = (2 * http.RequestServices.GetRequiredService<SystemParameters>().MaxFilesBytes) + Slack;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = limit;
        http.Features.Set<IFormFeature>(new FormFeature(http.Request, new FormOptions { MultipartBodyLengthLimit = limit }));
        try
        {
            await http.Request.ReadFormAsync(http.RequestAborted);
            return true;
        }
        catch (Exception wrong) when (wrong is InvalidDataException or IOException { HResult: EndedEarly } and not BadHttpRequestException)
        {
            return false;
        }
    }
}
