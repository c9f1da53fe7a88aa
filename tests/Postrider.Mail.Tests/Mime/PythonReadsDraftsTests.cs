using System.Diagnostics;
using System.Text.Json;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Tests.Mime;

/// <summary>What this library writes is read by one that nobody here wrote: Python's email package.</summary>
public sealed class PythonReadsDraftsTests
{
    private const string Script = """
        import email, email.policy, hashlib, json, sys
        m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
        parts = list(m.walk())
        print(json.dumps({
            "subject": m["subject"], "from": [[a.display_name, a.addr_spec] for a in m["from"].addresses], "to": [[a.display_name, a.addr_spec] for a in m["to"].addresses],
            "references": m["references"].split(), "text": m.get_body(("plain",)).get_content(), "html": m.get_body(("html",)).get_content(),
            "types": [p.get_content_type() for p in parts], "names": [p.get_filename() for p in parts if p.get_filename()],
            "hashes": [hashlib.sha256(p.get_payload(decode=True)).hexdigest() for p in parts if p.get_filename()],
            "defects": [str(d) for p in parts for d in p.defects] + [str(d) for p in parts for v in p.values() for d in getattr(v, "defects", [])]}))
        """;

    [Theory]
    [InlineData(SmtpBodyKind.SevenBit)]
    [InlineData(SmtpBodyKind.EightBit)]
    [InlineData(SmtpBodyKind.Binary)]
    public async Task Python_reads_what_was_meant(SmtpBodyKind peer)
    {
        Assert.SkipUnless(Python is not null, "python3 is not installed.");
        var bytes = Enumerable.Range(0, 70_000).Select(i => (byte)(i * 31 >> 2)).ToArray();
        var draft = new MessageDraft
        {
            From = new NamedAddress("Jürgen Groß", EmailAddress.Parse("jg@example.com")),
            To = [new NamedAddress("Lee, \"Ann\"", EmailAddress.Parse("ann@example.org")), new NamedAddress(null, EmailAddress.Parse("ben@bücher.example"))],
            Subject = "Re: Angebot für die Bäckerei – ein längerer Betreff mit 🥐🥐🥐 and a long tail in ASCII that stays as it is to its end",
            Date = new DateTimeOffset(2026, 11, 22, 12, 0, 0, TimeSpan.FromHours(1)),
            MessageId = "1@example.com",
            References = [.. Enumerable.Range(0, 20).Select(i => $"{i}.{new string('r', 40)}@example.com")],
            Text = "Grüße\nFrom here\n.\n" + new string('x', 3000) + "\n",
            Html = "<p>Grüße</p>\n",
            Attachments =
            [
                new DraftAttachment("Preisliste für Ännchen, 100 % \"gut\" und ein wirklich sehr langer Name, der nicht in eine Zeile passt 日本語.pdf", "application/pdf", bytes),
                new DraftAttachment("plain.txt", "text/plain", "lines\r\nand a bare\nend"u8.ToArray()),
                new DraftAttachment("a long name of a file in plain ASCII, which takes more than sixty characters.docx", "application/zip", bytes),
                new DraftAttachment("logo.png", "image/png", new byte[] { 1, 2, 3 }, "logo@example.com"),
            ],
        };

        var read = await ReadAsync(draft.Write(peer));

        Assert.Equal(draft.Subject, read.GetProperty("subject").GetString());
        Assert.Equal("""[["J\u00fcrgen Gro\u00df", "jg@example.com"]]""", Ascii(read, "from"));
        Assert.Equal("""[["Lee, \"Ann\"", "ann@example.org"], ["", "ben@xn--bcher-kva.example"]]""", Ascii(read, "to"));
        Assert.Equal(draft.References.Select(r => $"<{r}>"), Strings(read, "references"));
        Assert.Equal(draft.Text, read.GetProperty("text").GetString(), ignoreLineEndingDifferences: true);
        Assert.Equal(draft.Html, read.GetProperty("html").GetString(), ignoreLineEndingDifferences: true);
        Assert.Equal(["multipart/mixed", "multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png", "application/pdf", "text/plain", "application/zip"], Strings(read, "types"));
        DraftAttachment[] inOrder = [draft.Attachments[3], draft.Attachments[0], draft.Attachments[1], draft.Attachments[2]];
        Assert.Equal(inOrder.Select(a => a.FileName), Strings(read, "names"));
        Assert.Equal(inOrder.Select(a => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(a.Bytes.Span))), Strings(read, "hashes"));
        Assert.Empty(Strings(read, "defects"));
    }

    [Fact]
    public async Task Python_reads_a_report()
    {
        Assert.SkipUnless(Python is not null, "python3 is not installed.");
        const string script = """
            import email, email.policy, json, sys
            m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
            text, status, original = m.iter_parts()
            print(json.dumps({
                "types": [p.get_content_type() for p in (m, text, status, original)], "report": m.get_param("report-type"),
                "blocks": [[[k, str(v)] for k, v in block.items()] for block in status.get_payload()], "subject": original.get_payload()[0]["subject"],
                "defects": [str(d) for p in m.walk() for d in p.defects]}))
            """;
        var ann = EmailAddress.Parse("ann@example.org");
        var draft = new MessageDraft
        {
            From = new NamedAddress("Mail Delivery", EmailAddress.Parse("postmaster@example.com")), To = [new NamedAddress(null, ann)], Subject = "Not delivered", Date = default, MessageId = "1@example.com", Text = "It did not arrive.\n",
            Report = new DraftReport("hub.example.com", [new DraftReportRecipient(ann, "failed", "5.1.1") { Diagnostic = "550 5.1.1 No such user" }, new DraftReportRecipient(ann, "delayed", "4.4.1")], "Subject: lost\r\n\r\nbody\r\n"u8.ToArray()) { ReturnWhole = true },
        };
        var read = await ReadAsync(draft.Write(), script);
        Assert.Equal(["multipart/report", "text/plain", "message/delivery-status", "message/rfc822"], Strings(read, "types"));
        Assert.Equal("delivery-status", read.GetProperty("report").GetString());
        Assert.Equal("lost", read.GetProperty("subject").GetString());
        Assert.Empty(Strings(read, "defects"));
        Assert.Equal(
            """[[["Reporting-MTA", "dns; hub.example.com"]], [["Final-Recipient", "rfc822; ann@example.org"], ["Action", "failed"], ["Status", "5.1.1"], ["Diagnostic-Code", "smtp; 550 5.1.1 No such user"]], [["Final-Recipient", "rfc822; ann@example.org"], ["Action", "delayed"], ["Status", "4.4.1"]]]""",
            Ascii(read, "blocks"));
    }

    private static string? Python { get; } = new[] { "/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3" }.FirstOrDefault(File.Exists);

    private static string Ascii(JsonElement element, string name) => element.GetProperty(name).GetRawText();

    private static string[] Strings(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(e => e.GetString()!)];

    private static async Task<JsonElement> ReadAsync(byte[] message, string script = Script)
    {
        using var python = Process.Start(new ProcessStartInfo(Python!, ["-c", script]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await python.StandardInput.BaseStream.WriteAsync(message);
        python.StandardInput.Close();
        var answer = await python.StandardOutput.ReadToEndAsync();
        await python.WaitForExitAsync();
        Assert.Equal(0, python.ExitCode);
        return JsonDocument.Parse(answer).RootElement;
    }
}
