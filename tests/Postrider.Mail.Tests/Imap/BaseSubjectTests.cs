using FsCheck;
using FsCheck.Fluent;
using Postrider.Mail.Imap;

namespace Postrider.Mail.Tests.Imap;

public sealed class BaseSubjectTests
{
    [Theory]
    [InlineData("Bread", "Bread", false)]
    [InlineData("Re: Bread", "Bread", true)]
    [InlineData("RE:Bread", "Bread", true)]
    [InlineData("Re : Bread", "Bread", true)]
    [InlineData("Fw: Bread", "Bread", true)]
    [InlineData("FWD: Re: Fwd: Bread", "Bread", true)]
    [InlineData("Re[2]: Bread", "Bread", true)]
    [InlineData("[list] Re: Bread", "Bread", true)]
    [InlineData("[list] Bread", "Bread", false)]
    [InlineData("[list] [other]   Bread  and\tbutter", "Bread and butter", false)]
    [InlineData("[list]", "[list]", false)]
    [InlineData("Re: [list]", "[list]", true)]
    [InlineData("Bread (fwd)", "Bread", true)]
    [InlineData("Bread (FWD)(fwd) ", "Bread", true)]
    [InlineData("[fwd: Re: Bread]", "Bread", true)]
    [InlineData("[Fwd: [Fwd: Bread (fwd)]]", "Bread", true)]
    [InlineData("[re: Bread", "[re: Bread", false)]
    [InlineData("[a[b] Bread", "[a[b] Bread", false)]
    [InlineData("Regarding bread", "Regarding bread", false)]
    [InlineData("re:", "", true)]
    [InlineData("", "", false)]
    [InlineData(null, "", false)]
    public void Is_what_replying_and_forwarding_left_alone(string? subject, string expected, bool isReply)
    {
        Assert.Equal(expected, BaseSubject.Of(subject, out var reply));
        Assert.Equal(isReply, reply);
    }

    [Fact]
    public void Of_a_base_subject_is_itself() =>
        Prop.ForAll(Gen.ListOf(Gen.Elements("re:", "fwd:", "[a]", "[fwd:", "]", "(fwd)", " ", "Bread", "[", ":", "\t")).Select(l => string.Concat(l)).ToArbitrary(), subject =>
        {
            var once = BaseSubject.Of(subject, out _);
            Assert.Equal(once, BaseSubject.Of(once, out _));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Fact]
    public void Takes_no_long_time_for_a_hostile_subject()
    {
        var started = TimeProvider.System.GetTimestamp();
        foreach (var hostile in new[] { "[a]", "[fwd:", "re:", "[", "(fwd)", "re[" }) BaseSubject.Of(string.Concat(Enumerable.Repeat(hostile, 1_000_000)), out _);
        Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(5));
    }
}
