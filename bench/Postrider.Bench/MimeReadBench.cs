using BenchmarkDotNet.Attributes;
using Postrider.Mail.Mime;

namespace Postrider.Bench;

/// <summary>Reading the messages of the corpora from memory on one core. One operation is all of them; the table gives bytes and messages a second.</summary>
public class MimeReadBench
{
    private IReadOnlyList<byte[]> _messages = [];

    [GlobalSetup]
    public void Setup()
    {
        _messages = CorpusMessages.Load();
        Console.WriteLine($"// {_messages.Count} messages, {_messages.Sum(m => (long)m.Length)} bytes");
    }

    [Benchmark]
    public long Tree()
    {
        long sum = 0;
        foreach (var message in _messages) sum += MimeMessage.Read(message).Root.Children.Count;
        return sum;
    }
}
