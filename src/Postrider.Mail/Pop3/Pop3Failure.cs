namespace Postrider.Mail.Pop3;

/// <summary>What a POP3 step came to when it did not succeed.</summary>
/// <param name="Command">Such as <c>AUTH</c>, <c>UIDL</c>, <c>RETR</c>; <c>CONNECT</c> for the greeting.</param>
/// <param name="ServerText">The <c>-ERR</c> line as the server wrote it; null when it said nothing.</param>
/// <param name="Detail">One sentence for a person; never holds a secret.</param>
/// <param name="ConnectionSurvives">Further commands may be sent.</param>
public sealed record Pop3Failure(WireFailureKind Kind, string Command, string? ServerText, string Detail, bool ConnectionSurvives)
{
    /// <summary>The response code in brackets (RFC 2449 section 8, RFC 3206), such as <c>IN-USE</c> or <c>SYS/TEMP</c>; empty when the server gave none.</summary>
    public string Code { get; init; } = "";

    /// <summary>About the server or the mailbox at this moment, not about who signs in: it passes by itself.</summary>
    public bool IsPassing => Code is "IN-USE" or "LOGIN-DELAY" or "SYS/TEMP";

    /// <summary>The code of a line such as <c>-ERR [IN-USE] Do you have another session running?</c>.</summary>
    internal static string CodeOf(string text) =>
        text.IndexOf('[', StringComparison.Ordinal) is >= 0 and < 6 and var open && text.IndexOf(']', open) is > 0 and var close ? text[(open + 1)..close].ToUpperInvariant() : "";
}

/// <summary>Either a value or a failure; never both, never neither.</summary>
public readonly record struct Pop3Result<T>(T? Value, Pop3Failure? Failure)
{
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(false, nameof(Failure))]
    public bool Succeeded => Failure is null;
}

/// <summary>The result of connecting: a client that is signed in, or why not.</summary>
public sealed record Pop3ConnectResult(Pop3Client? Client, Pop3Failure? Failure);
