namespace Postrider.Demo;

/// <summary>The Demo's entry point.</summary>
internal static class Story
{
    public static int Main(string[] args) => args.Length > 100 ? 1 : 0;
}
