namespace Postrider.Mail.Imap;

/// <summary>What a status response says (RFC 3501 section 7.1).</summary>
internal enum ImapStatus
{
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

/// <summary>One complete response of a server, literals included.</summary>
internal abstract record ImapResponse
{
    private ImapResponse()
    {
    }

    /// <summary><c>+ text</c>.</summary>
    public sealed record Continuation(string Text) : ImapResponse;

    /// <summary>A status. <paramref name="Tag"/> is null when it is untagged.</summary>
    /// <param name="Line">Status and text as the server wrote them, without the tag.</param>
    /// <param name="Code">Upper case, such as <c>UIDVALIDITY</c>; null when the text begins with none.</param>
    /// <param name="CodeArguments">What follows the code inside the brackets; empty when nothing does.</param>
    public sealed record State(string? Tag, ImapStatus Status, string Line, string? Code, string CodeArguments) : ImapResponse;

    /// <summary>Any other untagged response: <c>* 3 EXISTS</c>, <c>* LIST (...)</c>, <c>* 7 FETCH (...)</c>.</summary>
    /// <param name="Number">The number before the word; null when there is none.</param>
    /// <param name="Word">Upper case.</param>
    public sealed record Data(uint? Number, string Word, IReadOnlyList<ImapValue> Values) : ImapResponse;

    /// <summary><c>* SEARCH ...</c> and <c>* ESEARCH ...</c>: kept apart because it may hold a mailbox's every UID.</summary>
    /// <param name="Extended">ESEARCH (RFC 4731): sets are written out in <paramref name="Numbers"/>.</param>
    /// <param name="Details">What stands beside the numbers: <c>(TAG "A1") UID COUNT 3</c>, or <c>(MODSEQ 9)</c> of a SEARCH.</param>
    public sealed record Search(IReadOnlyList<uint> Numbers, bool Extended, IReadOnlyList<ImapValue> Details) : ImapResponse;
}
