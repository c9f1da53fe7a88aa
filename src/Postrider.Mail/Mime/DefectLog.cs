namespace Postrider.Mail.Mime;

/// <summary>What was wrong with a message, for people. Bounded, because hostile input has a defect on every line.</summary>
internal sealed class DefectLog
{
    private const int Limit = 100;
    private readonly List<string> _defects = [];

    public IReadOnlyList<string> All => _defects;

    /// <summary>Nothing more is kept, so a caller need not put a sentence together.</summary>
    public bool IsFull => _defects.Count > Limit;

    public void Add(string defect)
    {
        if (_defects.Count < Limit && !_defects.Contains(defect)) _defects.Add(defect);
        else if (_defects.Count == Limit) _defects.Add("There are more defects than are listed.");
    }

    public void AddRange(IEnumerable<string> defects)
    {
        foreach (var defect in defects) Add(defect);
    }
}
