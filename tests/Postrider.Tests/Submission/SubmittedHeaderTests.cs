using System.Text;
using Postrider.Mail;
using Postrider.Mail.Mime;
using Postrider.OutgoingMail;
using Postrider.OutgoingServers;
using Postrider.Submission;

namespace Postrider.Tests.Submission;

public sealed class SubmittedHeaderTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 25, 20, 0, 0, TimeSpan.Zero);
    private static readonly OutboxMailId Id = new(Guid.Parse("0192f000-0000-7000-8000-000000000001"));
    private static readonly Arrival Arrival = new("erp.example", "192.0.2.7", "hub.example", "ESMTPSA");

    [Fact]
    public void What_is_not_named_goes_out_byte_for_byte_in_its_order()
    {
        const string kept = "FROM :  =?utf-8?q?J=C3=B6rg?=\r\n\t<joerg@meadow.example>\r\nto: ben@example.org\r\nX-Odd:\tx  \r\nSubject: a\r\n  b\r\nDKIM-Signature: v=1;\r\n b=xyz\r\nDate: yesterday\r\nMessage-Id: <1@meadow.example>\r\n";
        var written = Write("Return-Path: <x@y.example>\r\nBcc: hidden@example.org,\r\n other@example.org\r\n" + kept + "X-Postrider-Priority: high\r\nx-postrider-anything: x\r\nResent-Bcc: z@example.org\r\n\r\n");
        Assert.Equal(
            "Received: from erp.example ([192.0.2.7]) by hub.example with ESMTPSA id\r\n 0192f000000070008000000000000001; Wed, 25 Nov 2026 20:00:00 +0000\r\nX-Postrider-Id: 0192f000-0000-7000-8000-000000000001\r\n" + kept + "\r\n", written);
    }

    [Fact]
    public void A_From_that_is_replaced_changes_its_line_alone_and_takes_the_signature_with_it()
    {
        var written = Write("Subject: x\r\nFrom: \"Doe, Jörg\"\r\n <joerg@elsewhere.example>\r\nDate: y\r\nDKIM-Signature: v=1; b=xyz\r\nMessage-ID: <1@x.example>\r\n\r\n", replacement: "notifications@meadow.example");
        Assert.EndsWith("Reply-To: =?utf-8?q?Doe=2C_J=C3=B6rg?= <joerg@elsewhere.example>\r\nSubject: x\r\nFrom: =?utf-8?q?Doe=2C_J=C3=B6rg?= <notifications@meadow.example>\r\nDate: y\r\nMessage-ID: <1@x.example>\r\n\r\n", written, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_answers_go_is_left_as_the_program_said() =>
        Assert.DoesNotContain("Reply-To: joerg", Write("From: joerg@elsewhere.example\r\nReply-To: desk@elsewhere.example\r\n\r\n", replacement: "notifications@meadow.example"), StringComparison.Ordinal);

    [Fact]
    public void Date_and_Message_ID_are_added_when_they_are_missing()
    {
        var written = Write("From: ann@meadow.example\r\nMessage-ID:\r\n\r\n");
        Assert.Contains("\r\nMessage-ID: <made@meadow.example>\r\nDate: Wed, 25 Nov 2026 20:00:00 +0000\r\nFrom: ", written, StringComparison.Ordinal);
        Assert.Single(written.Split("Message-ID").Skip(1));
    }

    [Theory]
    [InlineData("Subject: x\r\n\r\n", "submission-from-missing")]
    [InlineData("From:\r\n\r\n", "submission-from-missing")]
    [InlineData("\r\n", "submission-from-missing")]
    [InlineData("From: a@x.example\r\nFrom: b@x.example\r\n\r\n", "submission-from-several")]
    [InlineData("From: a@x.example\r\nfRoM : b@x.example\r\n\r\n", "submission-from-several")]
    [InlineData("From: a@x.example, b@x.example\r\n\r\n", "submission-from-several")]
    [InlineData("From: group: a@x.example, b@x.example;\r\n\r\n", "submission-from-several")]
    [InlineData("From: nobody\r\n\r\n", "submission-from-unreadable")]
    [InlineData("From: a@x.example <b@x.example\r\n\r\n", "submission-from-unreadable")]
    [InlineData("From: a@x.example\r\nno field at all\r\nFrom: b@x.example\r\n\r\n", "submission-header-unreadable")]
    [InlineData("From: a@x.example\r\nX: a\nFrom: b@x.example\r\n\r\n", "submission-header-unreadable")]
    [InlineData("From: a@x.example\r\nX: a\rFrom: b@x.example\r\n\r\n", "submission-header-unreadable")]
    [InlineData("From: a@x.example\r\nX: \0\r\n\r\n", "submission-header-unreadable")]
    [InlineData(" folded\r\nFrom: a@x.example\r\n\r\n", "submission-header-unreadable")]
    [InlineData("From a@x.example Thu Jan  1\r\nFrom: a@x.example\r\n\r\n", "submission-header-unreadable")]
    [InlineData("From: a@x.example\r\nX-Postrider-Priority: now\r\n\r\n", "submission-option-invalid")]
    [InlineData("From: a@x.example\r\nX-Postrider-Send-At: soon\r\n\r\n", "submission-option-invalid")]
    [InlineData("From: a@x.example\r\nX-Postrider-Mailing: perhaps\r\n\r\n", "submission-option-invalid")]
    public void A_header_that_two_readers_could_read_differently_is_refused(string header, string code) => Assert.Equal(code, SubmittedHeader.Read(Encoding.Latin1.GetBytes(header)).Problem?.Code);

    [Fact]
    public void A_line_of_998_octets_is_taken_and_one_more_is_not()
    {
        Assert.Null(SubmittedHeader.Read(Encoding.ASCII.GetBytes("From: a@x.example\r\nX: " + new string('a', 995) + "\r\n\r\n")).Problem);
        Assert.Equal("submission-header-unreadable", SubmittedHeader.Read(Encoding.ASCII.GetBytes("From: a@x.example\r\nX: " + new string('a', 996) + "\r\n\r\n")).Problem!.Code);
        Assert.Equal("submission-header-too-long", SubmittedHeader.Read(Encoding.ASCII.GetBytes("From: a@x.example\r\n" + string.Concat(Enumerable.Repeat("X: " + new string('a', 900) + "\r\n", 300)) + "\r\n")).Problem!.Code);
    }

    [Fact]
    public void The_options_are_read()
    {
        var header = SubmittedHeader.Read(Encoding.ASCII.GetBytes("From: a@x.example\r\nX-Postrider-Idempotency-Key: one\r\nX-Postrider-Send-At: 2027-01-31T08:00:00+01:00\r\nX-Postrider-Mailing: Yes\r\n\r\n")).Header!;
        Assert.Equal(("one", new DateTimeOffset(2027, 1, 31, 7, 0, 0, TimeSpan.Zero), OutboxLane.Bulk), (header.IdempotencyKey, header.SendAt, header.Lane));
        Assert.Equal(OutboxLane.Urgent, SubmittedHeader.Read(Encoding.ASCII.GetBytes("From: a@x.example\r\nX-Postrider-Priority: high\r\n\r\n")).Header!.Lane);
    }

    [Fact]
    public void Nothing_that_a_client_says_of_itself_can_add_a_line()
    {
        var header = SubmittedHeader.Read("From: a@x.example\r\n\r\n"u8.ToArray()).Header!;
        var written = Encoding.Latin1.GetString(header.Write(StampOf(header, null), new Arrival("x\r\nBcc: y@z.example", "192.0.2.7", "hub", "ESMTP")).Span);
        Assert.DoesNotContain("\r\nBcc:", written, StringComparison.Ordinal);
    }

    [Fact]
    public void Messages_that_others_wrote_keep_every_byte_outside_the_changed_lines()
    {
        var corpora = Environment.GetEnvironmentVariable("POSTRIDER_CORPORA");
        Assert.SkipWhen(corpora is null, "POSTRIDER_CORPORA is not set: the corpora are not part of the repository.");
        var taken = 0;
        var refused = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateDirectories(corpora).Where(folder => Directory.Exists(Path.Combine(folder, "files"))).SelectMany(folder => Directory.EnumerateFiles(Path.Combine(folder, "files"), "*", SearchOption.AllDirectories)))
        {
            // As an SMTP server has it: every line ends with CR LF, and the line that begins a message in an mbox file is not there.
            var text = Encoding.Latin1.GetString(File.ReadAllBytes(file)).Replace("\r\n", "\n", StringComparison.Ordinal);
            if (text.StartsWith("From ", StringComparison.Ordinal)) text = text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..];
            var message = Encoding.Latin1.GetBytes(text.Replace("\n", "\r\n", StringComparison.Ordinal));
            var section = message.AsMemory(0, HeaderSection.LengthIn(message));
            var (header, problem) = SubmittedHeader.Read(section);
            if (header is null)
            {
                refused[problem!.Code] = refused.GetValueOrDefault(problem.Code) + 1;
                continue;
            }

            taken++;
            foreach (var replacement in (string?[])[null, "notifications@meadow.example"])
            {
                var written = header.Write(StampOf(header, replacement), Arrival);
                var changed = replacement is not null && !header.From.Address.Equals(EmailAddress.Parse(replacement));
                var expected = HeaderSection.Read(section).Fields.Where(field => !IsDropped(field, header, changed)).ToList();
                // What is added stands on top.
                var fields = HeaderSection.Read(written).Fields;
                foreach (var (before, after) in expected.Zip(fields.Skip(fields.Count - expected.Count)))
                    if (!changed || !before.Is("From")) Assert.Equal(Encoding.Latin1.GetString(before.Bytes.Span).TrimEnd('\r', '\n'), Encoding.Latin1.GetString(after.Bytes.Span)[..^2]);
                Assert.Equal(changed ? replacement : header.From.Address.ToString(), SubmittedHeader.Read(written).Header!.From.Address.ToString());
            }
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{taken} taken, {string.Join(", ", refused)}");
        Assert.True(taken > 1000, $"Only {taken} messages were taken.");
    }

    private static bool IsDropped(HeaderLines field, SubmittedHeader header, bool changed) =>
        field.Is("Bcc") || field.Is("Resent-Bcc") || field.Is("Return-Path") || (header.MessageId is null && field.Is("Message-ID")) || (changed && field.Is("DKIM-Signature"));

    private static string Write(string section, string? replacement = null)
    {
        var header = SubmittedHeader.Read(Encoding.UTF8.GetBytes(section)).Header!;
        return Encoding.UTF8.GetString(header.Write(StampOf(header, replacement), Arrival).Span);
    }

    private static SubmissionStamp StampOf(SubmittedHeader header, string? replacement)
    {
        var from = replacement is null ? header.From : new NamedAddress(header.From.Name ?? header.From.Address.LocalPart, EmailAddress.Parse(replacement));
        return new(Id, new ServerDecision(null, ServerRule.Address, from.Address, from, from.Address, [], null, null), header.MessageId ?? "made@meadow.example", Now);
    }
}
