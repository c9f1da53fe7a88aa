using System.Reflection;
using System.Text.RegularExpressions;
using Postrider.Web;

namespace Postrider.Tests.Web;

/// <summary>docs/errors.md lists every problem code, and no other.</summary>
public sealed partial class ErrorsPageTests
{
    [Fact]
    public void Every_code_of_the_source_is_listed()
    {
        var missing = InSource().Except(Listed(), StringComparer.Ordinal).ToList();
        Assert.Empty(missing);
    }

    [Fact]
    public void No_listed_code_is_unknown_to_the_source()
    {
        var gone = Listed().Except(InSource(), StringComparer.Ordinal).ToList();
        Assert.Empty(gone);
    }

    [Fact]
    public void No_code_is_listed_twice()
    {
        var codes = Listed();
        Assert.Equal(codes.Distinct(StringComparer.Ordinal), codes);
    }

    [Fact]
    public void Every_row_says_all_five_things()
    {
        foreach (var row in Rows())
            Assert.True(row.Split('|') is ["", var code, var what, var again, var remedy, var who, ""] && new[] { code, what, again, remedy, who }.All(cell => cell.Trim().Length > 0), row);
    }

    /// <summary>The source is read as text, so this asks the hub itself what that reading may have missed.</summary>
    [Fact]
    public void Problems_that_need_no_facts_are_among_those_found_in_the_source()
    {
        const BindingFlags Any = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        var types = typeof(Hub).Assembly.GetTypes().Where(type => !type.ContainsGenericParameters).ToList();
        var values = types.SelectMany(type => type.GetProperties(Any)).Where(property => property.PropertyType == typeof(Problem)).Select(property => (Problem)property.GetValue(null)!);
        var answers = types.SelectMany(type => type.GetMethods(Any)).Where(method => method.ReturnType == typeof(Problem) && method.GetParameters().Length == 0).Select(method => (Problem)method.Invoke(null, null)!);
        var codes = values.Concat(answers).Select(problem => problem.Code).Distinct(StringComparer.Ordinal).ToList();

        Assert.True(codes.Count > 50, $"Only {codes.Count} codes: are problems made in another way now?");
        var overlooked = codes.Except(InSource(), StringComparer.Ordinal).ToList();
        Assert.Empty(overlooked);
    }

    private static IEnumerable<string> Rows() => File.ReadLines(Path.Combine(Repository.Root, "docs", "errors.md")).Where(line => line.StartsWith("| `", StringComparison.Ordinal));

    private static List<string> Listed() => [.. Rows().Select(row => row.Split('`')[1])];

    private static HashSet<string> InSource()
    {
        var hub = Path.Combine(Repository.Root, "src", "Postrider");
        var codes = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(hub, "*.*", SearchOption.AllDirectories).Where(file => file.EndsWith(".cs", StringComparison.Ordinal) || file.EndsWith(".razor", StringComparison.Ordinal)))
        {
            if (Path.GetRelativePath(hub, file).Split(Path.DirectorySeparatorChar)[0] is "obj" or "bin") continue;
            var text = File.ReadAllText(file);
            // A code of one word is told from other words by where it stands.
            var isList = file.EndsWith("Problems.cs", StringComparison.Ordinal);
            codes.UnionWith(BeforeASentence().Matches(text).Select(match => match.Groups["code"].Value).Where(code => isList || code.Contains('-', StringComparison.Ordinal)));
            if (isList) codes.UnionWith(ByItself().Matches(text).Select(match => match.Groups["code"].Value));
        }

        return codes;
    }

    // The first thing in brackets, and behind it what happened: new Problem("mail-not-found", "There is ..." or T.GoneWhat.
    [GeneratedRegex("""\(\s*"(?<code>[a-z0-9]+(?:-[a-z0-9]+)*)"\s*,\s*(?:\$?"[A-Z{]|[\w.]*What\b)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex BeforeASentence();

    // A constant or an arm of a switch.
    [GeneratedRegex("""=>?\s*"(?<code>[a-z0-9]+(?:-[a-z0-9]+)+)"\s*[;,]""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ByItself();
}
