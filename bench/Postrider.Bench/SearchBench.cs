using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Postrider.Conversations;
using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.Bench;

/// <summary>100,000 messages of about 1 KB in 25,000 conversations on SQLite: a page of 50 results of a search, the first page of the list, and the counts beside it.</summary>
[WarmupCount(2)]
[IterationCount(5)]
public class SearchBench
{
    private const int Messages = 100_000;
    private const int PerConversation = 4;
    private static readonly string[] Words = [.. Enumerable.Range(0, 20_000).Select(i => string.Create(6, i, (word, n) => { for (var at = 0; at < word.Length; at++) { word[at] = (char)('a' + (n % 26)); n = (n / 26) + (at * 7) + 3; } }))];

    // One database for all lines: to fill it takes longer than to measure.
    private static readonly Lazy<HubDatabase> Filled = new(Fill);
    private static DirectoryInfo? _folder;

    private readonly Guid _viewer = Guid.CreateVersion7();
    private readonly ConversationStore _store = new(TimeProvider.System);
    private SearchQuery _query = SearchQuery.Parse("");

    /// <summary>What is typed: a rare word, one of every message, a beginning of many words, a phrase, sender and word, and files alone.</summary>
    [Params("needle", "common", "ab", "\"common words\"", "from:ann needle", "has:attachment common")]
    public string Line { get; set; } = "";

    [GlobalSetup]
    public void Setup() => (_, _query) = (Filled.Value, SearchQuery.Parse(Line));

    private static HubDatabase Fill()
    {
        _folder = Directory.CreateTempSubdirectory("postrider-bench-search-");
        var database = HubDatabase.Open(_folder.FullName, null, TimeProvider.System, NullLogger<HubDatabase>.Instance);
        var store = new ConversationStore(TimeProvider.System);
        var random = new Random(7);
        for (var done = 0; done < Messages; done += 1000)
        {
            var first = done;
            database.WriteAsync(tx => { for (var i = first; i < first + 1000; i += PerConversation) Fill(tx, store, random, i); }).GetAwaiter().GetResult();
        }
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            database.DisposeAsync().AsTask().GetAwaiter().GetResult();
            _folder.Delete(recursive: true);
        };
        return database;
    }

    [Benchmark]
    public int Search() => Filled.Value.Read(r => _store.Search(r, _viewer, _query, null, 50)).Lines.Count;

    [Benchmark]
    public int List() => Filled.Value.Read(r => _store.List(r, _viewer, ConversationFilter.Open, null, 50)).Count;

    [Benchmark]
    public int CountUnread() => Filled.Value.Read(r => _store.Unread(r, _viewer)).All;

    private static void Fill(HubTransaction tx, ConversationStore store, Random random, int number)
    {
        var conversation = store.Start(tx, $"Order {number}");
        for (var i = number; i < number + PerConversation; i++)
        {
            var text = string.Join(' ', Enumerable.Range(0, 140).Select(_ => Words[(int)(Words.Length * Math.Pow(random.NextDouble(), 3))])) + " common words" + (i % 10_000 == 0 ? " needle" : "");
            store.Add(tx, conversation, new NewThreadMessage
            {
                Id = new(Ids.New(TimeProvider.System)),
                Direction = i % 2 == 0 ? MessageDirection.Incoming : MessageDirection.Outgoing,
                Author = new NamedAddress(i % 5 == 0 ? "Ann Lee" : "Ben", EmailAddress.Parse(i % 5 == 0 ? "ann@example.org" : $"ben{i % 3000}@example.net")),
                To = [new NamedAddress(null, EmailAddress.Parse("sales@hub.example"))],
                Cc = [],
                Subject = $"Order {number}",
                HeaderId = $"m{i}@example.org",
                Text = text,
                Attachments = i % 20 == 0 ? [new NewThreadAttachment(new(Ids.New(TimeProvider.System)), 0, "offer.pdf", "application/pdf", 1000, null, null)] : [],
                JoinsPeople = true,
            });
        }
    }
}
