using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Postrider.Mail.Imap;
using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Imap;

/// <summary>What Exchange Online, Gmail, iCloud, Dovecot, Courier, Domino and others really sent (corpus imap-mailkit-transcripts): the typed values are those that stand in the text.</summary>
public sealed partial class ImapTranscriptsTests(ITestOutputHelper output)
{
    // Their literals' lengths do not fit their bytes: one was converted to UTF-8, the other has lost an empty line.
    private static readonly string[] Miscounted = ["fetch.14.txt", "headers.1+unsolicited-info.txt"];

    [Fact]
    public void The_values_are_those_of_the_text()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var agreed = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var misses = new List<string>();
        var (files, responses) = (0, 0);
        foreach (var file in Directory.GetFiles(Path.Combine(Corpora.Root!, "imap-mailkit-transcripts", "files"), "*.txt", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            // The files hold LF where the servers sent CRLF; their literals are counted with CRLF.
            var text = Encoding.Latin1.GetString(File.ReadAllBytes(file)).ReplaceLineEndings("\r\n").Replace("A########", "A00000001", StringComparison.Ordinal);
            // Some are the message behind a literal, not a dialogue.
            if (text.Length == 0 || text[0] is not ('*' or '+' or 'A' or '[') || Miscounted.Contains(Path.GetFileName(file))) continue;
            files++;
            var name = Path.GetRelativePath(Corpora.Root!, file);
            var lines = Lines(text);
            var parsed = Parse(Encoding.Latin1.GetBytes(text));
            responses += parsed.Count;
            if (lines.Count != parsed.Count)
            {
                misses.Add($"{name}: {lines.Count} lines and {parsed.Count} responses");
                continue;
            }
            foreach (var (line, response) in lines.Zip(parsed)) Compare(name, line, response, agreed, misses);
        }
        output.WriteLine($"{files} transcripts, {responses} responses; values that agree: {string.Join(", ", agreed.Select(a => $"{a.Key} {a.Value}"))}; misses: {misses.Count}");
        Assert.True(misses.Count == 0, string.Join('\n', misses));
        Assert.True(files > 140 && agreed.Values.Sum() > 2000, $"Only {files} files: has the corpus moved?");
    }

    /// <summary>One line's values, read by pattern out of its text, beside those of the response.</summary>
    private static void Compare(string file, string line, ImapResponse response, SortedDictionary<string, int> agreed, List<string> misses)
    {
        void Same(string what, object? expected, object? actual)
        {
            if (Equals(expected?.ToString() ?? "", actual?.ToString() ?? "")) agreed[what] = agreed.GetValueOrDefault(what) + 1;
            else misses.Add($"{file}: {what} of {line[..Math.Min(line.Length, 160)].ReplaceLineEndings(" ")}\n    expected {expected}\n    but was  {actual}");
        }

        switch (response)
        {
            case ImapResponse.State state:
                var code = Code().Match(line);
                Same("code", code.Success ? code.Groups["code"].Value.ToUpperInvariant() : "", state.Code);
                Same("code's arguments", code.Groups["arguments"].Value.Trim(), state.CodeArguments);
                if (state.Code == "COPYUID")
                {
                    var sets = state.CodeArguments.Split(' ');
                    Same("COPYUID pairs", Count(sets[1]), ImapClient.ReadSet(sets[1])?.Count);
                    Same("COPYUID pairs", Count(sets[2]), ImapClient.ReadSet(sets[2])?.Count);
                }
                break;
            case ImapResponse.Search search:
                var numbers = search.Extended ? Set().Match(line).Groups["set"].Value : string.Join(',', Digits().Matches(line.Split('(')[0]).Select(m => m.Value));
                Same("search numbers", numbers.Length == 0 ? 0 : Count(numbers), search.Numbers.Count);
                break;
            case ImapResponse.Data { Word: "LIST" or "LSUB" or "XLIST" }:
                var folder = ImapClient.ReadFolder(response, utf8Names: false);
                var listed = Listed().Match(line);
                Same("folder attributes", listed.Groups["attributes"].Value, string.Join(' ', folder!.Attributes));
                Same("folder delimiter", listed.Groups["delimiter"].Value, folder.Delimiter);
                Same("folder name", Plain(listed.Groups["name"].Value), ModifiedUtf7.Encode(folder.Name));
                break;
            case ImapResponse.Data { Word: "STATUS" }:
                var status = ImapClient.ReadStatus(response, utf8Names: false)!;
                foreach (var (item, value) in new (string, object?)[] { ("MESSAGES", status.Messages), ("UNSEEN", status.Unseen), ("UIDNEXT", status.UidNext), ("UIDVALIDITY", status.UidValidity), ("HIGHESTMODSEQ", status.HighestModSeq) })
                    Same("status " + item, Regex.Match(line, $@"\b{item} (?<n>\d+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Groups["n"].Value, value);
                break;
            case ImapResponse.Data { Word: "NAMESPACE" }:
                var spaces = ImapClient.ReadNamespaces(response, utf8Names: false)!;
                Same("namespaces", string.Join('|', Spaces().Matches(line).Select(m => m.Groups["prefix"].Value + m.Groups["delimiter"].Value).Select(s => s.Replace("\\\\", "\\", StringComparison.Ordinal))),
                    string.Join('|', spaces.Personal.Concat(spaces.Others).Concat(spaces.Shared).Select(n => n.Prefix + n.Delimiter)));
                break;
            case ImapResponse.Data { Word: "CAPABILITY" } capability:
                Same("capabilities", line["* CAPABILITY ".Length..].TrimEnd(), string.Join(' ', capability.Values.Select(v => v.AsString())));
                break;
            case ImapResponse.Data { Word: "FETCH" } fetch:
                var reply = ImapFetchReply.Read(fetch);
                // What stands in literals and strings is not the response's own.
                var bare = Strings().Replace(WithoutLiterals(line), "\"\"");
                Same("FETCH number", Digits().Match(line).Value, reply.Number);
                Same("FETCH UID", Uid().Match(bare).Groups["n"].Value, reply.Uid);
                Same("FETCH size", Size().Match(bare).Groups["n"].Value, reply.Size);
                Same("FETCH MODSEQ", ModSeq().Match(bare).Groups["n"].Value, reply.ModSeq);
                Same("FETCH flags", Flags().Match(bare).Groups["flags"].Value, string.Join(' ', reply.Flags ?? []));
                Same("FETCH dates", line.Contains("INTERNALDATE \"", StringComparison.Ordinal), reply.InternalDate is not null);
                Same("FETCH sections", Sections().Count(bare), reply.Sections.Count);
                Same("FETCH envelopes", bare.Contains("ENVELOPE (", StringComparison.Ordinal), reply.Envelope is not null);
                Same("FETCH structures", Structure().IsMatch(bare), reply.Structure is not null);
                if (reply.Envelope?.MessageId is { Length: > 0 } id) Same("envelope Message-ID", true, line.Contains(id, StringComparison.Ordinal));
                if (reply.Structure is { } root && !bare.Contains("NIL NIL NIL NIL \"7BIT\"", StringComparison.Ordinal)) Same("structure's parts with a size", Sized().Count(bare[bare.IndexOf("BODYSTRUCTURE", StringComparison.Ordinal)..]), Leaves(root));
                break;
            case ImapResponse.Data { Number: { } number }:
                Same("numbers", Digits().Match(line).Value, number);
                break;
        }
    }

    private static int Leaves(ImapBodyPart part) => (part.Size is null ? 0 : 1) + part.Parts.Sum(Leaves);

    private static int Count(string set) => set.Split(',').Sum(range => range.Split(':') is [var a, var b] ? int.Parse(b, CultureInfo.InvariantCulture) - int.Parse(a, CultureInfo.InvariantCulture) + 1 : 1);

    private static string Plain(string wire) => wire.StartsWith('"') ? wire[1..^1].Replace("\\\"", "\"", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal) : wire.StartsWith('{') ? wire[(wire.IndexOf('\n', StringComparison.Ordinal) + 1)..] : wire;

    /// <summary>Cuts a text into responses, going over literals by their length.</summary>
    private static List<string> Lines(string text)
    {
        var lines = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var start = at;
            while (true)
            {
                var end = text.IndexOf("\r\n", at, StringComparison.Ordinal);
                if (end < 0) end = text.Length;
                var literal = LiteralEnd().Match(text[at..end]);
                at = Math.Min(text.Length, end + 2);
                if (!literal.Success) break;
                at += int.Parse(literal.Groups["n"].Value, CultureInfo.InvariantCulture);
            }
            lines.Add(text[start..at].TrimEnd('\r', '\n'));
        }
        return lines;
    }

    private static string WithoutLiterals(string line)
    {
        var bare = new StringBuilder();
        for (var at = 0; ;)
        {
            var literal = Literal().Match(line, at);
            bare.Append(line.AsSpan(at, (literal.Success ? literal.Index : line.Length) - at));
            if (!literal.Success) return bare.ToString();
            bare.Append("\"\"");
            at = Math.Min(line.Length, literal.Index + literal.Length + int.Parse(literal.Groups["n"].Value, CultureInfo.InvariantCulture));
        }
    }

    private static List<ImapResponse> Parse(byte[] bytes)
    {
        var parser = new ImapResponseParser(new ImapResponseLimits());
        var responses = new List<ImapResponse>();
        var buffer = new ReadOnlySequence<byte>(bytes);
        while (parser.Read(buffer, out var consumed) == ImapParseStep.Complete)
        {
            responses.Add(parser.Response!);
            buffer = buffer.Slice(consumed);
        }
        return responses;
    }

    [GeneratedRegex(@"^(\* |\w+ )?(OK |NO |BAD |BYE |PREAUTH )?\[(?<code>[^ \]]+)(?<arguments>[^\]]*)\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Code();

    [GeneratedRegex(@"\bALL (?<set>[\d,:]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Set();

    [GeneratedRegex(@"\{(?<n>\d+)\+?\}\r\n", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Literal();

    [GeneratedRegex(@"\d+", RegexOptions.None, 1000)]
    private static partial Regex Digits();

    [GeneratedRegex(@"^\* \w+ \((?<attributes>[^)]*)\) (NIL|""(?<delimiter>.)""|""\\(?<delimiter>\\)"") (?<name>.*?)( \(.*\))?$", RegexOptions.ExplicitCapture | RegexOptions.Singleline, 1000)]
    private static partial Regex Listed();

    [GeneratedRegex(@"\(""(?<prefix>[^""]*)"" ""(?<delimiter>[^""]*)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Spaces();

    [GeneratedRegex(@"\{(?<n>\d+)\+?\}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LiteralEnd();

    [GeneratedRegex(@"""(\\.|[^""\\])*""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Strings();

    [GeneratedRegex(@"\bUID (?<n>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Uid();

    [GeneratedRegex(@"\bRFC822\.SIZE (?<n>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Size();

    [GeneratedRegex(@"\bMODSEQ \((?<n>\d+)\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ModSeq();

    [GeneratedRegex(@"\bFLAGS \((?<flags>[^)]*)\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Flags();

    [GeneratedRegex(@"\bBODY\[", RegexOptions.None, 1000)]
    private static partial Regex Sections();

    [GeneratedRegex(@"\bBODY(STRUCTURE)? \(", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Structure();

    // "base64" 9000: the encoding and the size of a part, once its strings are emptied.
    [GeneratedRegex(@"("""" |NIL )\d+(?= |\))", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Sized();
}
