namespace Postrider.Mail.Imap;

/// <summary>What a server says beside its words why it refused (RFC 5530 section 3, RFC 3501 section 7.1, RFC 7162 section 3.1.2.2).</summary>
public enum ImapResponseCode
{
    /// <summary>The server named none, or one that is not listed here: see the text.</summary>
    None,
    Alert,
    AlreadyExists,
    AuthenticationFailed,
    AuthorizationFailed,
    BadCharset,
    Cannot,
    ClientBug,
    Closed,
    ContactAdmin,
    Corruption,
    Expired,
    ExpungeIssued,
    HasChildren,
    InUse,
    Limit,
    NoModSeq,
    NonExistent,
    NoPerm,
    NotSaved,
    OverQuota,
    Parse,
    PrivacyRequired,
    ServerBug,
    TooBig,
    TryCreate,
    Unavailable,
    UnknownCte,
}

/// <summary>What an IMAP step came to when it did not succeed.</summary>
/// <param name="Command">Such as <c>AUTHENTICATE</c>, <c>SELECT</c>.</param>
/// <param name="ServerText">The tagged NO or BAD, or the BYE, as the server wrote it; null when it said nothing.</param>
/// <param name="ConnectionSurvives">Further commands may be sent.</param>
public sealed record ImapFailure(WireFailureKind Kind, string Command, string? ServerText, string Detail, bool ConnectionSurvives)
{
    /// <summary>What <see cref="ServerText"/> begins with in brackets.</summary>
    public ImapResponseCode Code { get; init; }

    internal static ImapResponseCode CodeOf(string? code) => code is not null && Enum.TryParse<ImapResponseCode>(code.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var known) && char.IsAsciiLetter(code[0]) ? known : ImapResponseCode.None;
}

/// <summary>Either a value or a failure; never both, never neither.</summary>
public readonly record struct ImapResult<T>(T? Value, ImapFailure? Failure)
{
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(false, nameof(Failure))]
    public bool Succeeded => Failure is null;
}
