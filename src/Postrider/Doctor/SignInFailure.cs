namespace Postrider.Doctor;

/// <summary>A refusal of Microsoft's sign-in as it came, kept raw for diagnosis.</summary>
/// <param name="HttpStatus">Null when it came by a redirect of the browser.</param>
/// <param name="Error">The OAuth word, such as <c>invalid_grant</c>. Programs decide by it; empty when the answer held none.</param>
/// <param name="SubError">Microsoft's refinement, such as <c>consent_required</c>; null when absent.</param>
/// <param name="Codes">AADSTS numbers. They choose the words of an explanation only: Microsoft may change them.</param>
/// <param name="Description">Without trace and correlation ids; null when absent. May hold text of a stranger: escape it.</param>
/// <param name="RetryAfter">From the header; null when absent.</param>
internal sealed record SignInFailure(int? HttpStatus, string Error, string? SubError, IReadOnlyList<int> Codes, string? Description, TimeSpan? RetryAfter = null);
