namespace Postrider.Web;

/// <summary>State at a glance.</summary>
public enum StateKind
{
    /// <summary>Grey: nothing is going on.</summary>
    Neutral,
    /// <summary>Green: proved good.</summary>
    Good,
    /// <summary>Amber: waits, or will need somebody.</summary>
    Waiting,
    /// <summary>Red: somebody must act.</summary>
    Bad,
    /// <summary>Blue: in progress.</summary>
    Active,
}
