using System.Globalization;
using Postrider.Web;

namespace Postrider.Tests.Web;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1 KB")]
    [InlineData(1536, "1.5 KB")]
    [InlineData(1024 * 1024 - 1, "1 MB")]
    [InlineData(10 << 20, "10 MB")]
    [InlineData(25 << 20, "25 MB")]
    [InlineData((3 << 20) + (1 << 18), "3.3 MB")]
    [InlineData(1L << 30, "1 GB")]
    [InlineData((1L << 30) - 1, "1 GB")]
    [InlineData(1536L << 20, "1.5 GB")]
    public void Sizes_are_told_as_the_limits_are_set(long bytes, string words) => Assert.Equal(words, ByteSize.Of(bytes, CultureInfo.InvariantCulture));

    [Fact]
    public void The_number_is_written_as_the_reader_writes_numbers() => Assert.Equal("1,5 KB", ByteSize.Of(1536, CultureInfo.GetCultureInfo("de-DE")));
}
