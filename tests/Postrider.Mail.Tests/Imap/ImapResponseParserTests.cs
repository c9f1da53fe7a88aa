using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Imap;
using Postrider.Mail.Tests.Mime;

namespace Postrider.Mail.Tests.Imap;

public sealed class ImapResponseParserTests
{
    [Fact]
    public void A_fetch_with_a_literal_is_read_whole()
    {
        var data = Assert.IsType<ImapResponse.Data>(Single("* 12 FETCH (UID 34 FLAGS (\\Seen $Forwarded) INTERNALDATE \" 2-Nov-2026 10:11:12 +0100\" RFC822.SIZE 5 BODY[] {5}\r\na\r\n)b)\r\n"));
        Assert.Equal((12u, "FETCH"), (data.Number!.Value, data.Word));
        var reply = ImapFetchReply.Read(data.Values);
        Assert.Equal(34u, reply.Uid);
        Assert.Equal(["\\Seen", "$Forwarded"], reply.Flags!);
        Assert.Equal(new DateTimeOffset(2026, 11, 2, 10, 11, 12, TimeSpan.FromHours(1)), reply.InternalDate);
        Assert.Equal("a\r\n)b", Encoding.ASCII.GetString(reply.Body!));
        Assert.True(reply.Answers(new ImapFetchRequest { InternalDate = true, Size = true, Sections = [new ImapSectionRange("")] }));
    }

    [Theory]
    [InlineData("* SEARCH\r\n", new uint[0])]
    [InlineData("* SEARCH 2 3 4294967295\r\n", new uint[] { 2, 3, 4294967295 })]
    [InlineData("* SEARCH 5 (MODSEQ 917162500)\r\n", new uint[] { 5 })]
    [InlineData("* search 7 \n", new uint[] { 7 })]
    public void Search_gives_its_numbers(string text, uint[] numbers) => Assert.Equal(numbers, Assert.IsType<ImapResponse.Search>(Single(text)).Numbers);

    [Theory]
    [InlineData("* OK [UIDVALIDITY 7] text\r\n", null, ImapStatus.Ok, "UIDVALIDITY", "7")]
    [InlineData("A1 NO [AUTHENTICATIONFAILED] no\r\n", "A1", ImapStatus.No, "AUTHENTICATIONFAILED", "")]
    [InlineData("* OK The service is ready. [QUJD]\r\n", null, ImapStatus.Ok, null, "")]
    [InlineData("* BYE\r\n", null, ImapStatus.Bye, null, "")]
    [InlineData("a2 bad {5}\r\n", "a2", ImapStatus.Bad, null, "")]
    [InlineData("[COPYUID 55 31 6]\r\n", null, ImapStatus.Ok, "COPYUID", "55 31 6")]
    public void A_status_gives_its_code(string text, string? tag, object status, string? code, string arguments)
    {
        var state = Assert.IsType<ImapResponse.State>(Single(text));
        Assert.Equal((tag, (ImapStatus)status, code, arguments), (state.Tag, state.Status, state.Code, state.CodeArguments));
    }

    [Theory]
    [InlineData("+ idling\r\n", "idling")]
    [InlineData("+ \r\n", "")]
    [InlineData("+\r\n", "")]
    [InlineData("+\n", "")]
    public void A_continuation_gives_its_text(string text, string expected) => Assert.Equal(expected, Assert.IsType<ImapResponse.Continuation>(Single(text)).Text);

    [Fact]
    public void A_list_keeps_quotes_delimiters_and_numbers_apart()
    {
        var data = Assert.IsType<ImapResponse.Data>(Single("* LIST (\\HasNoChildren) \"\\\\\" \"a \\\"b\\\" (c)\"\r\n"));
        Assert.Equal("\\", data.Values[1].AsString());
        Assert.Equal("a \"b\" (c)", data.Values[2].AsString());
        Assert.Equal("007", Assert.IsType<ImapResponse.Data>(Single("* LIST () NIL 007\r\n")).Values[2].AsString());
    }

    [Fact]
    public void A_sections_name_may_hold_spaces_and_parentheses()
    {
        var data = Assert.IsType<ImapResponse.Data>(Single("* 1 FETCH (BODY[HEADER.FIELDS (DATE FROM)]<0> {2}\r\nab UID 3)\r\n"));
        Assert.Equal("BODY[HEADER.FIELDS (DATE FROM)]<0>", data.Values[0].Items[0].AsString());
        Assert.Equal(3u, ImapFetchReply.Read(data.Values).Uid);
    }

    [Theory]
    [InlineData("* 1 FETCH (BODY[] {4294967295}\r\n")]
    [InlineData("* 1 FETCH (BODY[] {157286401}\r\n")]
    [InlineData("* 1 FETCH (BODY[] {-1}\r\n")]
    [InlineData("* 1 FETCH (BODY[] {18446744073709551616}\r\n")]
    [InlineData("* 1 FETCH (BODY[] {}\r\n")]
    [InlineData("* 1 FETCH (BODY[] {5\r\n")]
    [InlineData("* 1 FETCH (BODY[] {00000000000000000000000000000000000000000001}\r\n")]
    [InlineData("* LIST () \"/\" {100000}\r\n")]
    [InlineData("* 1 FETCH (UID 1\r\n")]
    [InlineData("* 1 FETCH UID 1)\r\n")]
    [InlineData("* LIST () \"/\" \"a\r\nb\"\r\n")]
    [InlineData("* LIST () \"/\" a\rb\r\n")]
    [InlineData("* SEARCH 1 x\r\n")]
    [InlineData("* SEARCH 4294967296\r\n")]
    [InlineData("* SEARCH 99999999999999999999\r\n")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("A1 FETCH (UID 1)\r\n")]
    [InlineData("A1 BYE no\r\n")]
    [InlineData("\r\n")]
    [InlineData("*\r\n")]
    [InlineData("* 1\r\n")]
    [InlineData("* X\u0001Y\r\n")]
    public void What_is_no_response_is_an_error_and_never_an_exception(string text)
    {
        var (responses, error) = Parse(Encoding.UTF8.GetBytes(text), int.MaxValue);
        Assert.Empty(responses);
        Assert.NotNull(error);
    }

    [Fact]
    public void Bounds_hold_for_words_lines_depth_and_number_of_values()
    {
        var long_ = new string('a', 70_000);
        string[] hostile =
        [
            "* OK " + long_ + "\r\n", "* LIST () \"/\" \"" + long_ + "\"\r\n", "* LIST () \"/\" " + long_ + "\r\n", "* 1 FETCH (BODY[" + long_ + "] NIL)\r\n", "+ " + long_ + "\r\n", long_ + "\r\n", "* " + long_ + "\r\n",
            "* 1 FETCH " + new string('(', 1000) + new string(')', 1000) + "\r\n",
            "* 1 FETCH (" + string.Concat(Enumerable.Repeat("1 ", 200_000)) + ")\r\n",
            "* 1 FETCH (" + string.Concat(Enumerable.Repeat("() ", 200_000)) + ")\r\n",
            "* 1 FETCH (" + string.Concat(Enumerable.Repeat("{1}\r\na ", 200_000)) + ")\r\n",
            "* 1 FETCH (" + new string(' ', 2_000_000) + ")\r\n",
        ];
        foreach (var text in hostile)
        {
            foreach (var cut in (int[])[int.MaxValue, 1000])
            {
                var (responses, error) = Parse(Encoding.ASCII.GetBytes(text), cut);
                Assert.Empty(responses);
                Assert.NotNull(error);
            }
        }
    }

    [Fact]
    public void A_mailbox_of_two_hundred_thousand_messages_is_searched()
    {
        var numbers = Enumerable.Range(1_000_000, 200_000).Select(i => (uint)i).ToList();
        var text = Encoding.ASCII.GetBytes("* SEARCH " + string.Join(' ', numbers) + "\r\n");
        Assert.Equal(numbers, Assert.IsType<ImapResponse.Search>(Assert.Single(Parse(text, 4096).Responses)).Numbers);
    }

    [Fact]
    public void A_literals_claim_costs_no_memory_until_its_bytes_come()
    {
        var parser = new ImapResponseParser(new ImapResponseLimits());
        var head = new ReadOnlySequence<byte>("* 1 FETCH (BODY[] {157286400}\r\nabc"u8.ToArray());
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(ImapParseStep.NeedMore, parser.Read(head, out _));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    // Their literals' lengths do not fit their bytes: one was converted to UTF-8, the other has lost an empty line.
    private static readonly string[] Miscounted = ["fetch.14.txt", "headers.1+unsolicited-info.txt"];

    [Fact]
    public void Every_transcript_of_real_servers_is_read()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var files = Directory.GetFiles(Path.Combine(Corpora.Root!, "imap-mailkit-transcripts", "files"), "*.txt", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        var failures = new List<string>();
        foreach (var file in files)
        {
            // The files hold LF where the servers sent CRLF; their literals are counted with CRLF.
            var bytes = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(File.ReadAllBytes(file)).ReplaceLineEndings("\r\n"));
            // Some are the message behind a literal, not a dialogue.
            if (bytes.Length == 0 || bytes[0] is not ((byte)'*' or (byte)'+' or (byte)'A' or (byte)'[')) continue;
            var (_, error) = Parse(Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(bytes).Replace("A########", "A00000001", StringComparison.Ordinal)), 100);
            if (error is not null != Miscounted.Contains(Path.GetFileName(file))) failures.Add(file + ": " + (error ?? "was read"));
        }
        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    [Fact]
    public void However_the_bytes_are_cut_the_responses_are_the_same() =>
        Prop.ForAll(Dialogues.ToArbitrary(), Gen.Choose(1, 40).ToArbitrary(), (bytes, cut) =>
        {
            var (whole, error) = Parse(bytes, int.MaxValue);
            var (pieces, error2) = Parse(bytes, cut);
            var (single, error3) = Parse(bytes, 1);
            return Show(whole) == Show(pieces) && Show(whole) == Show(single) && error == error2 && error == error3;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void Whatever_comes_is_read_or_refused() =>
        Prop.ForAll(Damaged.ToArbitrary(), bytes =>
        {
            Parse(bytes, int.MaxValue);
            var (whole, error) = Parse(bytes, 7);
            var (single, error2) = Parse(bytes, 1);
            return Show(whole) == Show(single) && error == error2;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));

    // Responses as servers make them, with literals, followed by one another.
    private static Gen<byte[]> Dialogues =>
        from responses in Gen.NonEmptyListOf(Gen.OneOf(
            Gen.Elements("* OK [CAPABILITY IMAP4rev1 IDLE] hi\r\n", "A1 OK done\r\n", "+ \r\n", "* 3 EXISTS\r\n", "* 1 EXPUNGE\n", "* SEARCH 1 22 333\r\n", "* BYE gone\r\n", "[COPYUID 1 2 3]\r\n", "* LIST (\\Noselect) NIL \"a\\\\b\"\r\n", "* STATUS {4}\r\nab\r\n (MESSAGES 1)\r\n"),
            from n in Gen.Choose(0, 300)
            from uid in Gen.Choose(1, int.MaxValue)
            select $"* 5 FETCH (UID {uid} FLAGS () BODY[HEADER.FIELDS (A B)] NIL BODY[] {{{n}}}\r\n{new string('x', n)})\r\n"))
        select Encoding.ASCII.GetBytes(string.Concat(responses));

    // The same with some bytes exchanged, doubled or lost.
    private static Gen<byte[]> Damaged =>
        from bytes in Dialogues
        from hits in Gen.ListOf(Gen.Choose(0, 1 << 20))
        from marks in Gen.ArrayOf(Gen.Elements("(){}\"\\ \r\n*+[]~0\u0001ü-".ToCharArray()), 20)
        select hits.Take(20).Select((at, i) => (at % bytes.Length, (byte)marks[i])).Aggregate(bytes.ToList(), (list, hit) =>
        {
            if (hit.Item1 >= list.Count) return list;
            if (hit.Item2 % 3 == 0) list.RemoveAt(hit.Item1);
            else if (hit.Item2 % 3 == 1) list[hit.Item1] = hit.Item2;
            else list.Insert(hit.Item1, hit.Item2);
            return list;
        }).ToArray();

    private static ImapResponse Single(string text)
    {
        var (responses, error) = Parse(Encoding.UTF8.GetBytes(text), int.MaxValue);
        Assert.Null(error);
        return Assert.Single(responses);
    }

    /// <summary>Offers the bytes in pieces, as a pipe would: what was not consumed comes again, with more behind it, in several segments.</summary>
    private static (List<ImapResponse> Responses, string? Error) Parse(byte[] bytes, int cut)
    {
        var parser = new ImapResponseParser(new ImapResponseLimits());
        var responses = new List<ImapResponse>();
        var offered = 0;
        var start = 0;
        while (true)
        {
            var buffer = Segmented(bytes, start, offered, cut);
            var step = parser.Read(buffer, out var consumed);
            start += (int)buffer.Slice(0, consumed).Length;
            if (step == ImapParseStep.Error) return (responses, parser.Error);
            if (step == ImapParseStep.Complete) responses.Add(parser.Response!);
            else if (offered == bytes.Length) return (responses, null);
            else offered = (int)Math.Min(bytes.Length, (long)offered + cut);
        }
    }

    private static ReadOnlySequence<byte> Segmented(byte[] bytes, int start, int end, int cut)
    {
        if (end - start <= cut) return new ReadOnlySequence<byte>(bytes, start, end - start);
        // Two segments are enough to make every token cross a border some time.
        var middle = start + (end - start) / 2;
        var first = new Segment(bytes.AsMemory(start, middle - start), 0);
        var last = first.Append(bytes.AsMemory(middle, end - middle));
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private static string Show(IEnumerable<ImapResponse> responses) => string.Join('\n', responses.Select(r => r switch
    {
        ImapResponse.Data d => $"{d.Number} {d.Word} {string.Join(' ', d.Values)}",
        ImapResponse.Search s => string.Join(' ', s.Numbers),
        _ => r.ToString(),
    }));

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long index) => (Memory, RunningIndex) = (memory, index);

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
