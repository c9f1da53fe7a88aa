using Postrider.OutgoingMail;

namespace Postrider.Tests.OutgoingMail;

public sealed class SendingForecastTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 25, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(null, 0, 5000, 0)]
    [InlineData(30, 0, 0, 0)]
    [InlineData(30, 0, 29, 0)]
    [InlineData(30, 0, 30, 1)]
    [InlineData(30, 30, 0, 1)]
    [InlineData(30, 30, 299, 10)]
    public void Its_turn_comes_when_the_minutes_before_it_are_full(int? perMinute, int used, int before, int minutes) =>
        Assert.Equal(Noon.AddMinutes(minutes), SendingForecast.At(Noon, perMinute, used, before));
}
