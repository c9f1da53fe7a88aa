namespace Postrider;

/// <summary>The hub's entry point and table of contents.</summary>
public static class Hub
{
    public static int Main(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        return 0;
    }
}
