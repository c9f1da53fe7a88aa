using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Storage;

namespace Postrider.Tests.Architecture;

/// <summary>Which folder of the hub may use which. A new arrow is a new line here, in the commit that needs it.</summary>
public sealed partial class LayeringTests
{
    // Each uses those before it; every other folder may use all of them.
    private static readonly string[] Floor = ["Telemetry", "Storage", "Web", "Journal", "Settings", "Users"];

    private static readonly Dictionary<string, string[]> MayUse = new(StringComparer.Ordinal)
    {
        ["Apps"] = [],
        ["Doctor"] = [],
        ["Entra"] = ["Doctor"],
        ["OutlookCredentials"] = ["Apps", "Entra", "Doctor"],
        ["OutlookAccounts"] = ["OutlookCredentials", "Entra", "Doctor"],
        // Entra: the hosts and ports of the Microsoft cloud that the Outlook choice fills in.
        ["OutgoingServers"] = ["OutlookAccounts", "Entra", "Apps", "Doctor"],
        ["OutgoingMail"] = ["OutgoingServers", "Doctor"],
        ["Submission"] = ["OutgoingMail"],
        ["Conversations"] = ["OutgoingMail"],
        // OutgoingServers: as whose mail an automatic answer may leave.
        ["IncomingMail"] = ["Conversations", "OutgoingMail", "OutgoingServers"],
        // Conversations: the inboxes that a server delivers to.
        ["IncomingServers"] = ["IncomingMail", "Conversations", "OutlookAccounts", "Entra", "Apps", "Doctor"],
    };

    private static readonly string Hub = Path.Combine(Repository.Root, "src", "Postrider");

    public static TheoryData<string> Folders => new(FoldersOfTheHub());

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_uses_only_what_the_table_allows(string folder)
    {
        var allowed = Allowed(folder);
        var broken = Uses(folder).Where(use => use.Folder != folder && !allowed.Contains(use.Folder)).Select(use => $"{use.File} uses {use.Folder}");

        Assert.Empty(broken);
    }

    [Fact]
    public void The_table_has_no_circle()
    {
        foreach (var folder in MayUse.Keys) Visit(folder, []);

        static void Visit(string folder, HashSet<string> above)
        {
            Assert.True(above.Add(folder), $"{folder} is reached from itself: {string.Join(" > ", above)}");
            foreach (var below in MayUse.GetValueOrDefault(folder, [])) Visit(below, [.. above]);
        }
    }

    [Fact]
    public void The_table_names_folders_that_exist() => Assert.Empty(MayUse.Keys.Except(FoldersOfTheHub()));

    [Fact]
    public void The_hub_knows_nothing_of_the_sandbox() =>
        Assert.DoesNotContain(SourceFiles(Hub).Append(Path.Combine(Hub, "Postrider.csproj")), file => File.ReadAllText(file).Contains("Postrider.Sandbox", StringComparison.Ordinal));

    [Fact]
    public void The_sandbox_knows_nothing_of_the_hub()
    {
        var sandbox = Path.Combine(Repository.Root, "src", "Postrider.Sandbox");
        foreach (var file in SourceFiles(sandbox))
            Assert.DoesNotMatch(@"using Postrider\.(?!Mail|Sandbox)\w", File.ReadAllText(file));
        Assert.DoesNotContain("Postrider.csproj", File.ReadAllText(Path.Combine(sandbox, "Postrider.Sandbox.csproj")), StringComparison.Ordinal);
    }

    [Fact]
    public void No_folder_stands_in_the_imports_of_pages() =>
        Assert.DoesNotContain("@using Postrider", File.ReadAllText(Path.Combine(Hub, "_Imports.razor")), StringComparison.Ordinal);

    // A page is drawn a first time as soon as one of its reads is not there at once, with what came before it. What is there only after the last read
    // is asked for at the top, or the page fails on the days on which the machine has no time.
    [Fact]
    public void A_page_draws_nothing_it_may_not_have_read_yet()
    {
        foreach (var file in SourceFiles(Hub).Where(file => file.EndsWith(".razor", StringComparison.Ordinal)))
        {
            var markup = File.ReadAllText(file).Split("\n@code")[0];
            foreach (var name in BelievedField.Matches(markup).Select(match => match.Groups["name"].Value).Distinct())
                Assert.True(Array.Exists(markup.Split('\n'), line => line.StartsWith("@if (", StringComparison.Ordinal) && line.Contains($"{name} is null", StringComparison.Ordinal)), $"{Path.GetFileName(file)} draws {name}! without asking whether it is there.");
        }
    }

    // By that reference the sweep of bodies tells what is in use (Storage/Bodies.cs); without it a message would be swept away.
    [Fact]
    public async Task Every_column_that_names_a_body_refers_to_it()
    {
        using var folder = new TemporaryFolder();
        await using var database = HubDatabase.Open(folder.Path, null, TimeProvider.System, NullLogger<HubDatabase>.Instance);
        var unbound = await database.ReadAsync(r => r.Query<string>(
            """
            SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' AND c.name LIKE '%body_id'
              AND NOT EXISTS (SELECT 1 FROM pragma_foreign_key_list(m.name) f WHERE f."from" = c.name AND f."table" = 'body')
            """));

        Assert.Empty(unbound);

        // Whoever deletes a body asks each owner: without an index each deletion reads a whole table.
        var unindexed = await database.ReadAsync(r => r.Query<string>(
            """
            SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' AND c.name LIKE '%body_id' AND m.name <> 'body_chunk'
              AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) i JOIN pragma_index_info(i.name) k ON k.seqno = 0 AND k.name = c.name)
            """));
        Assert.Empty(unindexed);
    }

    private static HashSet<string> Allowed(string folder)
    {
        var place = Array.IndexOf(Floor, folder);
        if (place >= 0) return [.. Floor[..place]];
        Assert.True(MayUse.ContainsKey(folder), $"The folder {folder} is not in the table.");
        return [.. Floor, .. MayUse[folder]];
    }

    private static IEnumerable<(string File, string Folder)> Uses(string folder) =>
        from file in SourceFiles(Path.Combine(Hub, folder))
        from Match match in FolderName.Matches(File.ReadAllText(file))
        let used = match.Groups["folder"].Value
        where FoldersOfTheHub().Contains(used)
        select (Path.GetRelativePath(Hub, file), used);

    private static IEnumerable<string> SourceFiles(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(file => file.EndsWith(".cs", StringComparison.Ordinal) || file.EndsWith(".razor", StringComparison.Ordinal))
            .Where(file => !Path.GetRelativePath(folder, file).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "node_modules"));

    private static string[] FoldersOfTheHub() =>
        [.. Directory.GetDirectories(Hub).Select(path => Path.GetFileName(path)).Where(name => char.IsUpper(name[0]) && name is not "Properties").Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"(?<![\w.])(?<name>[a-z]\w*)!(?!=)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BelievedField { get; }

    // A using, or a name in full.
    [GeneratedRegex(@"\bPostrider\.(?<folder>[A-Z]\w*)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FolderName { get; }
}
