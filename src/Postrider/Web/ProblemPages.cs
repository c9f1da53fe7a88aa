using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;
using Postrider.Storage;

namespace Postrider.Web;

/// <summary>Answers that failed get one face: a page for people, application/problem+json for programs, and never a stack trace.</summary>
internal static partial class ProblemPages
{
    public static IApplicationBuilder UseProblemPages(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions { ExceptionHandler = AnswerBroken, SuppressDiagnosticsCallback = _ => true });
        app.UseStatusCodePages(context => context.HttpContext.Response.HasStarted ? Task.CompletedTask : AnswerAsync(context.HttpContext, Of(context.HttpContext)));
        return app;
    }

    /// <summary>For a page that finds, before it renders, that there is nothing to show: the problem is answered in its place.</summary>
    internal static void AnswerInstead(HttpContext http, Problem problem, int status)
    {
        http.Items[typeof(Problem)] = problem;
        http.Response.StatusCode = status;
    }

    /// <summary>The status of the response must have been set.</summary>
    internal static async Task AnswerAsync(HttpContext http, Problem problem)
    {
        var status = http.Response.StatusCode;
        if (!WantsPage(http.Request))
        {
            await Problems.ToResult(problem, status).ExecuteAsync(http);
            return;
        }

        // A page that gave up has used this request's renderer and set its header already; both can be had only once.
        http.Response.Headers.Remove("blazor-enhanced-nav");
        var services = http.RequestServices;
        await using var scope = services.CreateAsyncScope();
        http.RequestServices = scope.ServiceProvider;
        try
        {
            await new RazorComponentResult<ProblemPage>(new { Problem = problem }) { StatusCode = status }.ExecuteAsync(http);
        }
        finally
        {
            http.RequestServices = services;
        }
    }

    private static Task AnswerBroken(HttpContext http)
    {
        var failure = http.Features.Get<IExceptionHandlerFeature>()?.Error;
        if (failure is BadHttpRequestException { StatusCode: var status })
        {
            http.Response.StatusCode = status;
            return AnswerAsync(http, Of(http));
        }

        // The trace id: one that a proxy handed on, so the person's number is found in every log.
        var id = System.Diagnostics.Activity.Current?.TraceId.ToString() ?? http.TraceIdentifier;
        if (failure is not null) LogBroken(http.RequestServices.GetRequiredService<ILogger<Document>>(), failure, id, http.Request.Method, http.GetEndpoint()?.DisplayName);
        if (failure is not null && WebProblems.OfStorage(failure) is { } trouble)
        {
            http.Response.StatusCode = trouble.Code == "storage-full" ? StatusCodes.Status507InsufficientStorage : StatusCodes.Status503ServiceUnavailable;
            return AnswerAsync(http, trouble);
        }

        http.Response.StatusCode = StatusCodes.Status500InternalServerError;
        return AnswerAsync(http, WebProblems.Broken(id));
    }

    private static Problem Of(HttpContext http) => http.Items[typeof(Problem)] as Problem ?? http.Response.StatusCode switch
    {
        StatusCodes.Status400BadRequest when http.Features.Get<IAntiforgeryValidationFeature>() is { IsValid: false } => WebProblems.FormExpired,
        StatusCodes.Status401Unauthorized => WebProblems.NotSignedIn,
        StatusCodes.Status403Forbidden => WebProblems.Forbidden,
        StatusCodes.Status404NotFound => WebProblems.NotFound,
        StatusCodes.Status413PayloadTooLarge => WebProblems.TooLarge,
        StatusCodes.Status429TooManyRequests => WebProblems.TooMany,
        >= 500 => WebProblems.Broken(http.TraceIdentifier),
        _ => WebProblems.NotUnderstood,
    };

    private static bool WantsPage(HttpRequest request) =>
        !request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
        && !request.Path.StartsWithSegments("/openapi", StringComparison.OrdinalIgnoreCase)
        && request.Headers.Accept.ToString() is var accept && (accept.Contains("text/html", StringComparison.OrdinalIgnoreCase) || accept.Length == 0 || accept == "*/*");

    [LoggerMessage(1101, LogLevel.Error, "Web: request {Id} ({Method} {Endpoint}) failed")]
    private static partial void LogBroken(ILogger log, Exception failure, string id, string method, string? endpoint);
}
