namespace Postrider.Sandbox;

/// <summary>The sandbox's entry point.</summary>
public static class Tenant
{
    public static int Main(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        return 0;
    }
}
