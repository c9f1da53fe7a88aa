using System.Globalization;

namespace Postrider.Mail.Imap;

/// <summary>The selected mailbox. <see cref="UidNext"/> is null when the server does not say; <see cref="UidValidity"/> is 0 when it keeps no UIDs between sessions (RFC 3501 section 2.3.1.1).</summary>
public sealed record ImapMailboxState(string Name, uint UidValidity, uint? UidNext, int Exists, bool ReadOnly)
{
    /// <summary>Flags in use; null when the server does not say.</summary>
    public IReadOnlyList<string>? Flags { get; init; }
    /// <summary>Flags that can be changed for good; with <c>\*</c> new keywords can be made. Null when the server does not say: then all can (RFC 3501 section 7.1).</summary>
    public IReadOnlyList<string>? PermanentFlags { get; init; }
    /// <summary>The mailbox's MODSEQ (RFC 7162 section 3.1.2); null when the server keeps none.</summary>
    public ulong? HighestModSeq { get; init; }
    /// <summary>UIDs that a message gets are not kept (RFC 4315 section 3, UIDNOTSTICKY).</summary>
    public bool UidsAreLost { get; init; }
}

/// <summary>Puts together what SELECT says.</summary>
internal sealed class ImapSelectReply
{
    private int? _exists;
    private uint _validity;
    private uint? _next;
    private IReadOnlyList<string>? _flags;
    private IReadOnlyList<string>? _permanent;
    private ulong? _modSeq;
    private bool _notSticky;

    public void Take(ImapResponse response)
    {
        switch (response)
        {
            case ImapResponse.Data { Word: "EXISTS", Number: { } n }:
                _exists = (int)Math.Min(n, int.MaxValue);
                break;
            case ImapResponse.Data { Word: "FLAGS", Values: [{ Kind: ImapValueKind.List } flags, ..] }:
                _flags = [.. flags.Items.Select(f => f.AsString()).OfType<string>()];
                break;
            case ImapResponse.State { Code: "UIDVALIDITY" } state when Number(state, out var validity) && validity <= uint.MaxValue:
                _validity = (uint)validity;
                break;
            case ImapResponse.State { Code: "UIDNEXT" } state when Number(state, out var next) && next <= uint.MaxValue:
                _next = (uint)next;
                break;
            case ImapResponse.State { Code: "HIGHESTMODSEQ" } state when Number(state, out var modSeq):
                _modSeq = modSeq;
                break;
            case ImapResponse.State { Code: "NOMODSEQ" }:
                _modSeq = null;
                break;
            case ImapResponse.State { Code: "UIDNOTSTICKY" }:
                _notSticky = true;
                break;
            case ImapResponse.State { Code: "PERMANENTFLAGS" } state:
                _permanent = state.CodeArguments.Trim('(', ')').Split(' ', StringSplitOptions.RemoveEmptyEntries);
                break;
        }
    }

    /// <returns>Null when the server did not say how many messages there are.</returns>
    public ImapMailboxState? ToState(string name, bool readOnly) => _exists is not { } exists ? null
        : new(name, _validity, _next, exists, readOnly) { Flags = _flags, PermanentFlags = _permanent, HighestModSeq = _modSeq, UidsAreLost = _notSticky };

    private static bool Number(ImapResponse.State state, out ulong number) => ulong.TryParse(state.CodeArguments, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
