using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Mime;
using Postrider.Mail.Smtp;

namespace Postrider.Mail.Tests.Mime;

/// <summary>read(write(draft)) = draft, for drafts with any Unicode in them.</summary>
public sealed class RoundTripTests
{
    // Every kind of trouble is as likely as plain text: controls, line ends, half surrogates, signs that mean something in a header.
    private static readonly Gen<string> Word = Gen.OneOf(
        Gen.Elements("Hello", "Grüße", "🥐🥐🥐", "例え", "=?utf-8?q?fake?=", "=?", "?=", "\"", "\\", "(c)", "<x@y>", ",", ";", ":", "\r\n", "\r", "\n", "\0", "\t", " ", "  ", "\ud83d", "\udd50", "\u202Egnp.exe", "\u0007", "a\u0301", "From ", ".", "--", "=",
            "&", "%41", "'", "*", "\uFEFF", "\u2028", "x@y.example", "Bcc: eve@example.net", "\r\nBcc: eve@example.net\r\n\r\n"),
        ArbMap.Default.GeneratorFor<NonNull<string>>().Select(s => s.Get),
        ArbMap.Default.GeneratorFor<char>().Select(c => c.ToString()),
        Gen.Choose(1, 300).Select(n => new string('w', n)),
        Gen.Choose(1, 80).Select(n => string.Concat(Enumerable.Repeat("ü€", n))));

    private static readonly Gen<string> Text = Word.ListOf().SelectMany(words => Gen.Elements("", " ", "\r\n").Select(glue => string.Join(glue, words)));

    private static readonly Gen<EmailAddress> Address =
        Gen.Elements("ann", "o'neil+tag", "\"a b\"", "\"quo\\\"ted\"", "jürgen", "用户", "x.y.z", new string('l', 64))
            .SelectMany(local => Gen.Elements("example.com", "bücher.example", "sub.sub.example.org", "[192.0.2.1]", string.Join('.', Enumerable.Repeat(new string('d', 60), 4)) + ".example").Select(domain => EmailAddress.Parse(local + "@" + domain)));

    private static readonly Gen<NamedAddress> Named = Gen.OneOf(Gen.Constant<string?>(null), Text.Select(t => (string?)t)).SelectMany(name => Address.Select(address => new NamedAddress(name, address)));

    private static readonly Gen<string> Id = Gen.Choose(1, 1_000_000).SelectMany(n => Gen.Elements("", new string('i', 120), "$=_/+").Select(more => $"{n}{more}@example.com"));

    private static readonly Gen<byte[]> Bytes = Gen.OneOf(
        ArbMap.Default.GeneratorFor<byte[]>(),
        Text.Select(Encoding.UTF8.GetBytes),
        Gen.Choose(0, 5000).Select(n => Enumerable.Range(0, n).Select(i => (byte)(i * 7919 >> 3)).ToArray()));

    private static readonly Gen<DraftAttachment> Attachment =
        // A name of several thousand characters takes more pieces than parameters are read (MimeLimits.Parameters).
        from name in Text.Select(t => t.Length > 1000 ? t[..1000] : t)
        from type in Gen.Elements("application/pdf", "text/plain", "text/html", "message/rfc822", "multipart/mixed", "image/png", "nonsense", "text/calendar; method=REQUEST", "a/b\r\nBcc: eve@example.net")
        from bytes in Bytes
        from id in Gen.Elements<string?>(null, null, "logo@example.com", "bad id")
        select new DraftAttachment(name, type, bytes, id);

    private static readonly Gen<MessageDraft> Draft =
        from author in Named
        from sender in Gen.OneOf(Gen.Constant<NamedAddress?>(null), Named.Select(n => (NamedAddress?)n))
        from to in Named.ListOf()
        from cc in Named.ListOf()
        from replyTo in Named.ListOf()
        from subject in Text
        from seconds in Gen.Choose(0, int.MaxValue)
        from quarters in Gen.Choose(-56, 56)
        from id in Id
        from parent in Gen.OneOf(Gen.Constant<string?>(null), Id.Select(i => (string?)i))
        from references in Id.ListOf()
        from text in Gen.OneOf(Gen.Constant<string?>(null), Text.Select(t => (string?)t))
        from html in Gen.OneOf(Gen.Constant<string?>(null), Text.Select(t => (string?)t))
        from attachments in Gen.Choose(0, 3).SelectMany(n => Attachment.ListOf(n))
        from extra in Text
        select new MessageDraft
        {
            From = author, Sender = sender, To = to.ToList(), Cc = cc.ToList(), ReplyTo = replyTo.ToList(), Subject = subject, MessageId = id, InReplyTo = parent, References = references.Distinct().ToList(),
            Date = DateTimeOffset.FromUnixTimeSeconds(seconds).ToOffset(TimeSpan.FromMinutes(15 * quarters)), Text = text, Html = html, Attachments = attachments.ToList(), ExtraHeaders = [new("X-Extra", extra)],
        };

    private static readonly Gen<SmtpBodyKind> Form = Gen.Elements(SmtpBodyKind.SevenBit, SmtpBodyKind.EightBit, SmtpBodyKind.Binary);

    [Fact]
    public void What_is_written_is_read_back() => Prop.ForAll(Draft.ToArbitrary(), Form.ToArbitrary(), (draft, form) =>
    {
        var bytes = draft.Write(form);
        var read = MimeMessage.Read(bytes);
        Assert.Equal(Shown(draft.Subject), read.Subject);
        Assert.Equal([Shown(draft.From)], read.From);
        Assert.Equal(draft.To.Select(Shown), read.To);
        Assert.Equal(draft.Cc.Select(Shown), read.Cc);
        Assert.Equal(draft.ReplyTo.Select(Shown), read.ReplyTo);
        Assert.Equal(draft.Date, read.Date);
        Assert.Equal(draft.Date.Offset, read.Date!.Value.Offset);
        Assert.Equal(draft.MessageId, read.MessageId);
        Assert.Equal(draft.InReplyTo is null ? [] : [draft.InReplyTo], read.InReplyTo);
        Assert.Equal(draft.References.Count <= 30 ? draft.References : [draft.References[0], .. draft.References.TakeLast(29)], read.References);
        Assert.Equal(Shown(draft.ExtraHeaders[0].Value), read.Header("X-Extra"));
        Assert.Equal(draft.Sender is null ? null : Shown(draft.Sender), AddressList.Parse(Encoding.UTF8.GetString(Raw(read, "Sender"))).Addresses.SingleOrDefault());

        var alone = draft.Attachments.Count == 0 && (draft.Text is null || draft.Html is null);
        Assert.Equal(draft.Text is null && draft.Html is null ? "" : Body(draft.Text), Unended(read.TextBody, draft.Text, alone));
        Assert.Equal(Body(draft.Html), Unended(read.HtmlBody, draft.Html, alone));

        var expected = draft.Html is null ? draft.Attachments : [.. draft.Attachments.Where(a => a.ContentId is not null), .. draft.Attachments.Where(a => a.ContentId is null)];
        Assert.Equal(expected.Count, read.Attachments.Count);
        foreach (var (draftAttachment, part) in expected.Zip(read.Attachments))
        {
            Assert.Equal(string.IsNullOrWhiteSpace(Shown(draftAttachment.FileName)) ? null : Shown(draftAttachment.FileName), part.FileName);
            Assert.Equal(draftAttachment.Bytes.ToArray(), part.DecodeBytes());
        }
        // An enclosed message of random bytes has defects of its own.
        if (!read.Attachments.Any(a => a.IsMessage)) Assert.Empty(read.Defects);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    [Fact]
    public void Every_line_is_one_that_SMTP_carries() => Prop.ForAll(Draft.ToArbitrary(), draft =>
    {
        var bytes = draft.Write();
        var text = Encoding.Latin1.GetString(bytes);
        Assert.EndsWith("\r\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain(text.Replace("\r\n", "", StringComparison.Ordinal), c => c is '\r' or '\n' or '\0');
        var international = new[] { draft.From, draft.Sender }.Concat(draft.To).Concat(draft.Cc).Concat(draft.ReplyTo).Any(a => a?.Address.NeedsSmtpUtf8 == true);
        if (!international) Assert.True(Ascii.IsValid(bytes));
        Assert.All(text.Split("\r\n"), line => Assert.InRange(line.Length, 0, 998));
        // A line of the header is longer than 78 only when it has no place to fold: the space after the name or at its beginning is none.
        foreach (var line in text[..text.IndexOf("\r\n\r\n", StringComparison.Ordinal)].Split("\r\n"))
        {
            if (line.Length <= 78 || Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(line)).Length <= 78) continue;
            Assert.DoesNotContain(' ', line[(line[0] == ' ' ? 1 : line.IndexOf(": ", StringComparison.Ordinal) + 2)..].TrimStart(' ').Replace("\"a b\"", "", StringComparison.Ordinal));
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    [Fact]
    public void No_value_can_add_a_field() => Prop.ForAll(Draft.ToArbitrary(), draft =>
    {
        string[] allowed = ["Date", "From", "Sender", "Reply-To", "To", "Cc", "Subject", "Message-ID", "In-Reply-To", "References", "X-Extra", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID"];
        foreach (var part in Corpora.Parts(MimeMessage.Read(draft.Write()).Root).TakeWhile(p => !p.IsMessage))
        {
            Assert.Equal(part.Headers.Count, part.Headers.Select(f => f.Name).Distinct().Count());
            Assert.All(part.Headers, field => Assert.Contains(field.Name, allowed));
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    [Fact]
    public void Equal_drafts_give_equal_bytes() => Prop.ForAll(Draft.ToArbitrary(), draft => Assert.Equal(draft.Write(), (draft with { }).Write())).Check(Config.QuickThrowOnFailure.WithMaxTest(100));

    [Fact]
    public void What_is_written_is_what_the_peer_takes() => Prop.ForAll(Draft.ToArbitrary(), Form.ToArbitrary(), (draft, form) =>
    {
        var needs = new MessageNeeds();
        needs.Add(draft.Write(form));
        var international = new[] { draft.From, draft.Sender }.Concat(draft.To).Concat(draft.Cc).Concat(draft.ReplyTo).Any(a => a?.Address.NeedsSmtpUtf8 == true);
        Assert.True(needs.Kind <= form || (international && needs.Kind == SmtpBodyKind.EightBit));
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    [Fact]
    public async Task A_stream_gets_the_same_bytes()
    {
        foreach (var (draft, form) in Draft.Zip(Form).Sample(300, 20))
        {
            var into = new MemoryStream();
            await draft.WriteAsync(into, form, TestContext.Current.CancellationToken);
            Assert.Equal(draft.Write(form), into.ToArray());
        }
    }

    [Fact]
    public void Any_bytes_survive_their_transfer_encoding_however_they_come() => Prop.ForAll(Bytes.ToArbitrary(), Form.ToArbitrary(), Gen.Choose(1, 100).ToArbitrary(), (bytes, form, block) =>
    {
        foreach (var encoding in (string[])[BodyEncoding.Choose(bytes, form), TransferEncoding.QuotedPrintable, TransferEncoding.Base64Name])
        {
            var body = Encoded(bytes, encoding, Math.Max(1, bytes.Length));
            Assert.Equal(body, Encoded(bytes, encoding, block));
            Assert.Equal(bytes, TransferEncoding.Decode(body, encoding));
            if (!TransferEncoding.IsIdentity(encoding)) Assert.All(Encoding.ASCII.GetString(body).Split("\r\n"), line => Assert.InRange(line.Length, 0, 76));
            if (encoding == TransferEncoding.Base64Name) Assert.Equal(BodyEncoding.Base64Length(bytes.Length), body.Length);
        }
        Assert.Equal(bytes.Count(b => b is not ((>= 32 and <= 126 and not (byte)'=') or 9 or 10 or 13)), BodyEncoding.CountEscaped(bytes));
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void No_control_in_a_name_or_value_ends_a_field()
    {
        foreach (var control in Enumerable.Range(0, 0xA0).Select(c => (char)c).Where(char.IsControl).Concat("\u2028\u2029\ud800\u200B"))
        {
            var evil = $"a{control}Bcc: eve@example.net{control}{control}b";
            var named = new NamedAddress(evil, EmailAddress.Parse("ann@example.org"));
            var draft = new MessageDraft
            {
                From = named, Sender = named, To = [named], Cc = [named], ReplyTo = [named], Subject = evil, Date = default, MessageId = "1@example.com", InReplyTo = evil, References = [evil], Text = "x", Html = "y",
                Calendar = new DraftCalendar("z", evil), Attachments = [new DraftAttachment(evil, "text/plain; x=" + evil, default, evil), new DraftAttachment(evil, evil, default)], ExtraHeaders = [new("X-Extra", evil)],
            };
            string[] allowed = ["Date", "From", "Sender", "Reply-To", "To", "Cc", "Subject", "Message-ID", "X-Extra", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition"];
            var read = MimeMessage.Read(draft.Write());
            Assert.All(Corpora.Parts(read.Root).SelectMany(p => p.Headers), field => Assert.Contains(field.Name, allowed));
            Assert.All(read.Root.Headers, field => Assert.DoesNotContain(Encoding.UTF8.GetString(field.RawValue.Span).Replace("\r\n ", "", StringComparison.Ordinal).TrimEnd('\r', '\n'), c => char.IsControl(c)));
            Assert.Throws<FormatException>(() => (draft with { ExtraHeaders = [new("X" + control, "x")] }).Write());
            Assert.Throws<FormatException>(() => (draft with { MessageId = "1" + control + "@example.com" }).Write());
        }
    }

    private static byte[] Encoded(byte[] bytes, string encoding, int block)
    {
        var into = new ArrayBufferWriter<byte>();
        var encoder = new BodyEncoder(encoding);
        for (var at = 0; at < bytes.Length; at += block) encoder.Add(bytes.AsSpan(at, Math.Min(block, bytes.Length - at)), into);
        encoder.End(into);
        return into.WrittenSpan.ToArray();
    }

    private static byte[] Raw(MimeMessage message, string name) => message.Headers.FirstOrDefault(f => f.Name == name).RawValue.ToArray();

    /// <summary>Controls become spaces, half surrogates U+FFFD: the one change that writing makes.</summary>
    private static string Shown(string text) => string.Concat(Whole(text).Select(c => char.IsControl(c) ? ' ' : c));

    private static NamedAddress Shown(NamedAddress address) => new(address.Name is null || Shown(address.Name).Trim().Length == 0 ? null : Shown(address.Name).Trim(), address.Address);

    /// <summary>A message ends with a line end. Where the body is all there is, it may get one that the draft has not.</summary>
    private static string? Unended(string? read, string? written, bool alone) =>
        alone && read?.EndsWith("\r\n", StringComparison.Ordinal) == true && !Body(written)!.EndsWith("\r\n", StringComparison.Ordinal) ? read[..^2] : read;

    private static string? Body(string? text)
    {
        if (text is null) return null;
        var lines = Whole(text).Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\r", "\n", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal);
        return lines is ['\uFEFF', ..] ? lines[1..] : lines;
    }

    private static string Whole(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
