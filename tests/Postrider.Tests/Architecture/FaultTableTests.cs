using System.Text.RegularExpressions;

namespace Postrider.Tests.Architecture;

/// <summary>docs/operations/faults.md names proofs that exist.</summary>
public sealed partial class FaultTableTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations", "faults.md"));

    [Fact]
    public void Every_proof_is_there()
    {
        var tests = Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*Tests.cs", SearchOption.AllDirectories).Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*Journey.cs", SearchOption.AllDirectories))
            .ToLookup(file => Path.GetFileNameWithoutExtension(file), File.ReadAllText);
        var missing = Proof.Matches(Page).Where(proof => !tests[proof.Groups["class"].Value].Any(text => text.Contains($" {proof.Groups["method"].Value}(", StringComparison.Ordinal))).Select(proof => proof.Value)
            // A dialogue is there when its file is, and a test plays it.
            .Concat(Dialogue.Matches(Page).Select(dialogue => dialogue.Groups["file"].Value)
                .Where(file => !File.Exists(Path.Combine(Repository.Root, "tests", "Postrider.Mail.Tests", "Dialogues", file)) || !tests.Where(texts => texts.Key.Contains("Client", StringComparison.Ordinal)).SelectMany(texts => texts).Any(text => text.Contains($"\"{Path.GetFileNameWithoutExtension(file)}\"", StringComparison.Ordinal) || text.Contains($"\"{file[..^4]}\"", StringComparison.Ordinal))));

        Assert.Empty(missing);
    }

    [Fact]
    public void Every_fault_has_a_row_or_is_said_to_have_none()
    {
        var wanted = new (string Kind, int Last)[] { ("OUT", 30), ("SMC", 11), ("NET", 5), ("IMP", 17), ("MIM", 13), ("THR", 8), ("LOP", 10), ("WEB", 6) }.SelectMany(kind => Enumerable.Range(1, kind.Last).Select(n => $"{kind.Kind}-{n:00}"));

        Assert.DoesNotContain(wanted, id => !Page.Contains(id, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"`(?<class>\w+(?:Tests|Journey))\.(?<method>\w+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Proof { get; }

    [GeneratedRegex(@"`(?<file>(?:smtp|imap)/\w+\.txt)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Dialogue { get; }
}
