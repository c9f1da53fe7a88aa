using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Mime;
using Postrider.Mail.Tests.Mime;
using Postrider.Mail.Tnef;
using static Postrider.Mail.Tests.Tnef.TnefBytes;

namespace Postrider.Mail.Tests.Tnef;

public sealed class RtfCompressionTests
{
    // [MS-OXRTFCP] sections 3.1.1 and 3.1.2: a text, and one whose copy reads what it has just written.
    [Theory]
    [InlineData("2D0000002B0000004C5A4675F1C5C7A703000A007263706731323542320AF32068656C090020627705B06C647D0A800FA0", "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n")]
    [InlineData("1A0000001C0000004C5A4675E2D44B51410004205758595A0D6E7D010EB0", "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}")]
    public void The_examples_of_the_specification_are_read(string compressed, string rtf)
    {
        var bytes = Convert.FromHexString(compressed);
        Assert.True(RtfCompression.IsWhole(bytes));
        Assert.Equal(rtf, Encoding.ASCII.GetString(RtfCompression.Decompress(bytes)));
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            // The length of the text is the one thing that nothing checks.
            if (bit is >= 4 * 8 and < 8 * 8) continue;
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(RtfCompression.IsWhole(bytes), $"bit {bit}");
            _ = RtfCompression.Decompress(bytes);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void What_is_compressed_is_read_back() => Prop.ForAll(Rtf.ToArbitrary(), rtf =>
    {
        var compressed = Compress(rtf);
        Assert.True(RtfCompression.IsWhole(compressed));
        Assert.Equal(rtf, RtfCompression.Decompress(compressed));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Copies_reach_across_the_end_of_the_window()
    {
        byte[] rtf = [.. Enumerable.Range(0, 20_000).Select(i => (byte)(i * i / 977))];
        Assert.Equal(rtf, RtfCompression.Decompress(Compress(rtf)));
    }

    [Fact]
    public void What_is_stored_is_taken_as_it_is()
    {
        byte[] stored = [18, 0, 0, 0, 6, 0, 0, 0, .. "MELA"u8, 0, 0, 0, 0, .. "{\\rtf}"u8];
        Assert.True(RtfCompression.IsWhole(stored));
        Assert.Equal("{\\rtf}"u8, RtfCompression.Decompress(stored));
    }

    [Fact]
    public void The_real_ones_fit_their_checksums()
    {
        Assert.SkipWhen(Corpora.Root is null, Corpora.Reason);
        var rich = 0;
        foreach (var file in Corpora.Tnef())
        {
            var message = TnefMessage.Read(File.ReadAllBytes(file))!;
            if (message.Rtf.Length > 0) rich++;
            Assert.DoesNotContain(message.Defects, d => d.Detail.Contains("Rich Text", StringComparison.Ordinal));
        }
        Assert.True(rich >= 3, $"{rich}");
    }

    private static readonly Gen<byte[]> Rtf = Gen.OneOf(
        ArbMap.Default.GeneratorFor<byte[]>(),
        Gen.Elements("\\par ", "{\\rtf1\\ansi", "}", "a", "\\'e4", "Times New Roman", new string('x', 40), "\0").ListOf().Select(words => Encoding.ASCII.GetBytes(string.Concat(words))));
}
