namespace Postrider.Mail.Mime;

/// <summary>What was wrong with a message. Bounded, because hostile input has a defect on every line.</summary>
internal sealed class DefectLog
{
    private const int Limit = 100;
    private List<MimeDefect>? _defects;

    public IReadOnlyList<MimeDefect> All => _defects ?? (IReadOnlyList<MimeDefect>)[];

    /// <summary>Nothing more is kept, so a caller need not put a sentence together.</summary>
    public bool IsFull => _defects?.Count > Limit;

    /// <summary>Of several with one sentence the first is kept.</summary>
    public void Add(MimeDefectKind kind, string detail, long? offset = null)
    {
        _defects ??= [];
        if (IsFull) return;
        foreach (var known in _defects) if (known.Detail == detail) return;
        _defects.Add(_defects.Count < Limit ? new(kind, detail, offset) : new(MimeDefectKind.More, "There are more defects than are listed."));
    }

    public void AddRange(IReadOnlyList<MimeDefect> defects)
    {
        foreach (var defect in defects) Add(defect.Kind, defect.Detail, defect.Offset);
    }
}
