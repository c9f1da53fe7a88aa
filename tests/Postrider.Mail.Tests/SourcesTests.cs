using System.Text.RegularExpressions;

namespace Postrider.Mail.Tests;

/// <summary>docs/sources.md lists what the code cites, and says how far it is met.</summary>
public sealed partial class SourcesTests
{
    [Fact]
    public void Every_RFC_that_the_code_cites_is_listed()
    {
        var missing = CitedRfcs().Except(ListedRfcs(), StringComparer.Ordinal).ToList();
        Assert.Empty(missing);
    }

    [Fact]
    public void No_RFC_is_listed_that_the_code_does_not_cite()
    {
        var gone = ListedRfcs().Except(CitedRfcs(), StringComparer.Ordinal).ToList();
        Assert.Empty(gone);
    }

    [Fact]
    public void Every_page_of_Microsoft_that_the_code_cites_is_listed()
    {
        var missing = CitedPages().Except(ListedPages(), StringComparer.Ordinal).ToList();
        Assert.Empty(missing);
    }

    [Fact]
    public void No_page_of_Microsoft_is_listed_that_the_code_does_not_cite()
    {
        var gone = ListedPages().Except(CitedPages(), StringComparer.Ordinal).ToList();
        Assert.Empty(gone);
    }

    [Fact]
    public void Every_row_says_how_far_and_where()
    {
        var sections = File.ReadAllLines(Page).Where(line => line.StartsWith("| RFC ", StringComparison.Ordinal) || line.StartsWith("| \"", StringComparison.Ordinal)).ToList();
        Assert.All(sections, row => Assert.True(row.Split('|') is [_, _, var far, var where, _] && far.Trim().Length > 0 && where.Trim().Length > 0, row));
    }

    private static readonly string Root = FindRoot();

    private static string Page => Path.Combine(Root, "docs", "sources.md");

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Postrider.slnx"))) return folder.FullName;
        throw new InvalidOperationException("The tests run outside their working tree.");
    }

    private static List<string> Source()
    {
        var src = Path.Combine(Root, "src");
        var texts = Directory.EnumerateFiles(src, "*.cs", SearchOption.AllDirectories)
            .Where(file => Path.GetRelativePath(src, file).Split(Path.DirectorySeparatorChar) is not [_, "obj" or "bin", ..])
            .Select(file => CommentBreak().Replace(File.ReadAllText(file), " ")).ToList();
        Assert.True(texts.Count > 100, $"Only {texts.Count} files: has the source moved?");
        return texts;
    }

    private static HashSet<string> CitedRfcs() => [.. Source().SelectMany(text => Rfc().Matches(text)).Select(match => match.Value)];

    private static HashSet<string> CitedPages() => [.. Source().SelectMany(text => MicrosoftPages().Matches(text)).SelectMany(match => match.Groups["title"].Captures).Select(title => title.Value)];

    // The first cell of a row names its source.
    private static HashSet<string> ListedRfcs() => [.. File.ReadAllLines(Page).Select(line => ListedRfc().Match(line)).Where(match => match.Success).Select(match => match.Groups["rfc"].Value)];

    private static HashSet<string> ListedPages() => [.. File.ReadAllLines(Page).Select(line => ListedPage().Match(line)).Where(match => match.Success).Select(match => match.Groups["title"].Value)];

    // Not RFC822.SIZE, which is a word of IMAP.
    [GeneratedRegex(@"\bRFC [0-9]{3,5}\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Rfc();

    // One title or several: Microsoft: "A" and "B".
    [GeneratedRegex("""Microsoft: "(?<title>[^"\r\n]+)"((,| and|, and) "(?<title>[^"\r\n]+)")*""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex MicrosoftPages();

    // A citation may go on in the next line of its comment.
    [GeneratedRegex(@"\r?\n\s*///?\s*", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex CommentBreak();

    [GeneratedRegex(@"^\| (?<rfc>RFC [0-9]{3,5})\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ListedRfc();

    [GeneratedRegex("""^\| "(?<title>[^"]+)" \|""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ListedPage();
}
