using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Mime;
using Postrider.Mail.Tnef;
using static Postrider.Mail.Tests.Tnef.TnefBytes;

namespace Postrider.Mail.Tests.Tnef;

/// <summary>read(made(message)) = message, and of a damaged one what the damage does not touch.</summary>
public sealed class TnefGeneratedTests
{
    private sealed record File(string Name, byte[] Bytes, string? ContentId);

    private sealed record Message(string Subject, string Text, string? Html, IReadOnlyList<File> Files, Message? Enclosed);

    private static readonly Gen<string> Word = Gen.Elements("Angebot", "Grüße", "🥐", "例え", "x y", "a.pdf", "<b>", "&amp;", new string('w', 300));
    private static readonly Gen<string> Text = Gen.Choose(1, 4).SelectMany(n => Word.ListOf(n)).Select(words => string.Join(' ', words));

    private static readonly Gen<File> AnyFile =
        from name in Text
        from bytes in ArbMap.Default.GeneratorFor<byte[]>()
        from id in Gen.Elements<string?>(null, "image001.png@01D139A1.76DB0C80")
        select new File(name, bytes, id);

    private static Gen<Message> AnyMessage(int depth) =>
        from subject in Text
        from text in Text
        from html in Gen.OneOf(Gen.Constant<string?>(null), Text.Select(t => (string?)t))
        from files in Gen.Choose(0, 4).SelectMany(n => AnyFile.ListOf(n))
        from enclosed in depth == 0 ? Gen.Constant<Message?>(null) : Gen.OneOf(Gen.Constant<Message?>(null), AnyMessage(depth - 1).Select(m => (Message?)m))
        select new Message(subject, text, html, files.ToList(), enclosed);

    private static readonly Gen<Message> Messages = AnyMessage(3);

    [Fact]
    public void What_is_made_is_read_back() => Prop.ForAll(Messages.ToArbitrary(), message => AssertSame(message, TnefMessage.Read(Made(message)))).QuickCheckThrowOnFailure();

    [Fact]
    public void One_damaged_file_is_told_and_leaves_the_others_whole() => Prop.ForAll(Messages.ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (message, where) =>
    {
        var whole = message with { Enclosed = null };
        var victims = whole.Files.Where(f => f.Bytes.Length > 0).ToList();
        if (victims.Count == 0) return;
        var victim = victims[where % victims.Count];
        var bytes = Made(whole);
        var others = Made(whole with { Files = [.. whole.Files.TakeWhile(f => !ReferenceEquals(f, victim))] });
        // Behind the files before it stand its beginning (25 bytes) and the header of its data (9).
        bytes[others.Length + 25 + 9 + where % victim.Bytes.Length] ^= 0x10;
        var read = TnefMessage.Read(bytes)!;
        Assert.Equal(MimeDefectKind.TnefWrong, Assert.Single(read.Defects).Kind);
        Assert.Equal(whole.Files.Count, read.Attachments.Count);
        foreach (var (file, attachment) in whole.Files.Zip(read.Attachments))
        {
            Assert.Equal(file.Name, attachment.FileName);
            Assert.Equal(!ReferenceEquals(file, victim), file.Bytes.AsSpan().SequenceEqual(attachment.Bytes.Span));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Whatever_is_damaged_nothing_is_thrown_and_nothing_made_up() => Prop.ForAll(Messages.ToArbitrary(), Gen.Choose(0, int.MaxValue).NonEmptyListOf().ToArbitrary(), (message, seeds) =>
    {
        var bytes = Made(message);
        foreach (var seed in seeds) bytes[seed % bytes.Length] = (byte)(seed >> 16);
        byte[] cut = bytes[..(seeds.First() % (bytes.Length + 1))];
        Assert.True(Size(TnefMessage.Read(bytes)) <= bytes.Length);
        Assert.True(Size(TnefMessage.Read(cut)) <= cut.Length);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Messages_within_messages_are_read_one_at_a_time()
    {
        var bytes = Winmail();
        for (var depth = 0; depth < 2000; depth++) bytes = Winmail(Attribute(2, 0x69002, new byte[14]), EnclosedIn(bytes));
        var deepest = 0;
        for (var message = TnefMessage.Read(bytes); message is { Attachments: [{ IsMessage: true } one] }; message = TnefMessage.Read(one.Bytes)) deepest++;
        Assert.Equal(2000, deepest);
    }

    private static byte[] Made(Message message)
    {
        List<byte[]> attributes =
        [
            Attribute(1, 0x69003, Properties(
                Property(0x001A, 0x001F, Single(Utf16("IPM.Note"))),
                Property(0x0037, 0x001F, Single(Utf16(message.Subject))),
                Property(0x1000, 0x001F, Single(Utf16(message.Text))),
                message.Html is null ? Property(0x3FDE, 0x0003, BitConverter.GetBytes(65001)) : Property(0x1013, 0x001F, Single(Utf16(message.Html))))),
        ];
        foreach (var file in message.Files)
        {
            attributes.Add(Attribute(2, 0x69002, new byte[14]));
            attributes.Add(Attribute(2, 0x6800F, file.Bytes));
            var name = Property(0x3707, 0x001F, Single(Utf16(file.Name)));
            attributes.Add(Attribute(2, 0x69005, file.ContentId is null ? Properties(name) : Properties(Property(0x3712, 0x001F, Single(Utf16(file.ContentId))), name)));
        }
        if (message.Enclosed is not null)
        {
            attributes.Add(Attribute(2, 0x69002, new byte[14]));
            attributes.Add(EnclosedIn(Made(message.Enclosed)));
        }
        return Winmail([.. attributes]);
    }

    private static byte[] EnclosedIn(byte[] message) =>
        Attribute(2, 0x69005, Properties(Property(0x3705, 0x0003, [5, 0, 0, 0]), Property(0x3701, 0x000D, Single([.. new byte[16], .. message]))));

    private static void AssertSame(Message message, TnefMessage? read)
    {
        Assert.NotNull(read);
        Assert.Empty(read.Defects);
        Assert.Equal(("IPM.Note", message.Subject, message.Text, message.Html), (read.MessageClass, read.Subject, read.Text, read.Html));
        var files = read.Attachments.Where(a => !a.IsMessage).ToList();
        Assert.Equal(message.Files.Select(f => (f.Name, f.ContentId)), files.Select(f => (f.FileName!, f.ContentId)));
        Assert.All(message.Files.Zip(files), pair => Assert.Equal(pair.First.Bytes, pair.Second.Bytes));
        Assert.Equal(message.Enclosed is null ? 0 : 1, read.Attachments.Count - files.Count);
        if (message.Enclosed is not null) AssertSame(message.Enclosed, TnefMessage.Read(Assert.Single(read.Attachments, a => a.IsMessage).Bytes));
    }

    /// <summary>Of the files, and of what can be read of a message's own.</summary>
    private static long Size(TnefMessage? message)
    {
        if (message is null) return 0;
        _ = (message.MessageClass, message.Subject, message.Text, message.Html, message.Rtf, message.Defects);
        foreach (var attachment in message.Attachments) if (attachment.IsMessage) Size(TnefMessage.Read(attachment.Bytes));
        return message.Attachments.Sum(a => (long)a.Bytes.Length);
    }
}
