using System.Globalization;

namespace Postrider.Sandbox.Entra;

/// <summary>A refusal in Entra's own terms.</summary>
/// <param name="Code">The number after AADSTS.</param>
/// <param name="Error">The OAuth <c>error</c>, by which a client decides.</param>
/// <param name="Text">The sentence, without code and ids.</param>
/// <param name="Status">Of the token endpoint.</param>
/// <param name="SubError">Null when there is none.</param>
internal sealed record EntraError(int Code, string Error, string Text, int Status = StatusCodes.Status400BadRequest, string? SubError = null)
{
    /// <summary>As pages, redirects and the token endpoint show it.</summary>
    public string Describe(ErrorIds ids) =>
        string.Create(CultureInfo.InvariantCulture, $"AADSTS{Code}: {Text} Trace ID: {ids.Trace} Correlation ID: {ids.Correlation} Timestamp: {ids.Timestamp}");
}

/// <summary>What Microsoft's support asks for.</summary>
internal sealed record ErrorIds(Guid Trace, Guid Correlation, DateTimeOffset Now)
{
    /// <summary>Such as <c>2026-05-01 10:00:00Z</c>.</summary>
    public string Timestamp => Now.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The correlation id is the client's where it sent one.</summary>
    public static ErrorIds For(HttpContext context, TimeProvider clock) => new(RandomId.New(),
        Guid.TryParse(context.Request.Headers["client-request-id"], out var sent) || Guid.TryParse(context.Request.Query["client-request-id"], out sent) ? sent : RandomId.New(),
        clock.GetUtcNow());
}
