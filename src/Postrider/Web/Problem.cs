using Microsoft.AspNetCore.Mvc;

namespace Postrider.Web;

/// <summary>A failure that a person can act on. The same record is shown on pages (ProblemAlert), sent by the API and written to the log.</summary>
/// <param name="Code">Stable and documented in docs/errors.md: <c>outlook-token-revoked</c>.</param>
/// <param name="What">One sentence: what happened.</param>
/// <param name="Detail">What the peer said or what was expected, in its own words. Never a secret. Null: nothing to add.</param>
/// <param name="Remedy">What to do about it.</param>
/// <param name="Who">Who can do it: <c>you</c>, <c>administrator</c>, <c>Microsoft 365 administrator</c>, <c>nobody</c>.</param>
/// <param name="RetriesByItself">The hub tries again without being asked.</param>
/// <param name="NextTry">When, if that is known.</param>
public sealed record Problem(string Code, string What, string? Detail, string Remedy, string Who, bool RetriesByItself, DateTimeOffset? NextTry = null);

internal static class Problems
{
    /// <summary>As application/problem+json (RFC 9457) with the members <c>code</c>, <c>remedy</c>, <c>who</c> and <c>retry</c>.</summary>
    public static IResult ToResult(Problem problem, int status) => Results.Problem(new ProblemDetails
    {
        Status = status,
        Title = problem.What,
        Detail = problem.Detail,
        Extensions =
        {
            ["code"] = problem.Code,
            ["remedy"] = problem.Remedy,
            ["who"] = problem.Who,
            ["retry"] = new Retry(problem.RetriesByItself, problem.NextTry),
        },
    });

    /// <summary>With the status its code stands for.</summary>
    public static IResult ToResult(Problem problem) => ToResult(problem, StatusOf(problem.Code));

    /// <summary>The last words of a code say the status: <c>-not-found</c> 404, <c>-taken</c> and <c>-in-use</c> 409, <c>-too-many</c> 429; else 400.</summary>
    internal static int StatusOf(string code) =>
        code.EndsWith("-not-found", StringComparison.Ordinal) ? StatusCodes.Status404NotFound
        : code.EndsWith("-taken", StringComparison.Ordinal) || code.EndsWith("-in-use", StringComparison.Ordinal) ? StatusCodes.Status409Conflict
        : code.EndsWith("-too-many", StringComparison.Ordinal) ? StatusCodes.Status429TooManyRequests
        : StatusCodes.Status400BadRequest;

    /// <param name="ByItself">The hub tries again without being asked.</param>
    /// <param name="Next">When; null when that is not known.</param>
    private sealed record Retry(bool ByItself, DateTimeOffset? Next);
}
