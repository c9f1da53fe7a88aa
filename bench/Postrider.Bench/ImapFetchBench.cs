using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using BenchmarkDotNet.Attributes;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Mail.Wire;

namespace Postrider.Bench;

/// <summary>
/// 5,000 messages of 5 KB by UID, from Dovecot on loopback, with mbsync, curl and imaplib beside us, and from memory, which shows what the client alone can do.
/// One operation is one message. What our own process spent of the processor is printed as well: wall time is mostly Dovecot's.
/// </summary>
public class ImapFetchBench
{
    public const int Messages = 5000;
    private const string Imaplib = "import imaplib,sys;m=imaplib.IMAP4('127.0.0.1',int(sys.argv[1]));m.login('bench','secret');m.select('INBOX',True);r=m.uid('FETCH','1:*','(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])');assert len(r[1])>=5000;m.logout()";

    private readonly uint[] _uids = [.. Enumerable.Range(1, Messages).Select(i => (uint)i)];
    private readonly Dictionary<string, (TimeSpan Cpu, TimeSpan Wall, int Runs)> _spent = [];
    private DovecotPeer? _dovecot;
    private ImapClient? _plain;
    private ImapClient? _tls;
    private ImapClient? _replay;

    [GlobalSetup(Targets = [nameof(Plain), nameof(PlainToStreams), nameof(PlainOverThree), nameof(Tls), nameof(Mbsync), nameof(Curl), nameof(PythonImaplib)])]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    [GlobalSetup(Target = nameof(FromMemory))]
    public void SetupReplay() => SetupReplayAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup() => CleanupAsync().GetAwaiter().GetResult();

    // In process, BenchmarkDotNet 0.14 does not wait for a set-up that is a task.
    private async Task SetupAsync()
    {
        _dovecot = await DovecotPeer.StartAsync(Messages);
        _plain = await _dovecot.ConnectAsync(tls: false);
        _tls = await _dovecot.ConnectAsync(tls: true);
        await File.WriteAllTextAsync(Path.Combine(_dovecot.Folder, "mbsyncrc"), string.Create(CultureInfo.InvariantCulture, $"""
            FSync no

            IMAPAccount a
            Host 127.0.0.1
            Port {_dovecot.Port}
            User bench
            Pass secret
            SSLType None
            AuthMechs PLAIN

            IMAPStore far
            Account a

            MaildirStore near
            Path {_dovecot.Folder}/near/
            Inbox {_dovecot.Folder}/near/INBOX
            SubFolders Verbatim

            Channel c
            Far :far:
            Near :near:
            Patterns INBOX
            Sync Pull
            Create Near
            SyncState {_dovecot.Folder}/near/state-

            """));
    }

    private async Task SetupReplayAsync()
    {
        var opened = await ImapClient.OpenAsync(WireConnection.Over(new ReplayStream(Messages), new IPEndPoint(IPAddress.Loopback, 0)), new WireEndpoint("localhost", 143, WireSecurity.None), DovecotPeer.Credential, new ImapClientOptions(), CancellationToken.None);
        _replay = opened.Client ?? throw new InvalidOperationException(opened.Failure!.Detail);
        await _replay.SelectAsync("INBOX", readOnly: true, CancellationToken.None);
    }

    private async Task CleanupAsync()
    {
        foreach (var (name, (cpu, wall, runs)) in _spent)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"// {name}: {runs * Messages / wall.TotalSeconds:0} messages/s, {cpu.TotalMicroseconds / runs / Messages:0.0} us of our processor time a message, over {runs} runs"));
        foreach (var client in (ImapClient?[])[_plain, _tls, _replay])
            if (client is not null) await client.DisposeAsync();
        _dovecot?.Dispose();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task<long> Plain() => CountedAsync(nameof(Plain), () => FetchAsync(_plain!, _uids));

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task<long> PlainToStreams() => CountedAsync(nameof(PlainToStreams), async () =>
    {
        long bytes = 0;
        var fetched = await _plain!.UidFetchAsync(_uids, new ImapFetchRequest { InternalDate = true, Size = true, Sections = [new ImapSectionRange("")] }, _ => Stream.Null, m =>
        {
            bytes += m.Sections[0].Length;
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        return fetched.Value == Messages ? bytes : throw new InvalidOperationException(fetched.Failure?.Detail);
    });

    /// <summary>Three sessions at once: on two cores the messages a second of both sides together.</summary>
    [Benchmark(OperationsPerInvoke = Messages)]
    public Task<long> PlainOverThree() => CountedAsync(nameof(PlainOverThree), async () =>
    {
        var parts = await Task.WhenAll(_uids.Chunk((Messages + 2) / 3).Select(async part =>
        {
            await using var client = await _dovecot!.ConnectAsync(tls: false);
            return await FetchAsync(client, part);
        }));
        return parts.Sum();
    });

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task<long> Tls() => CountedAsync(nameof(Tls), () => FetchAsync(_tls!, _uids));

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task<long> FromMemory() => CountedAsync(nameof(FromMemory), () => FetchAsync(_replay!, _uids));

    [Benchmark(OperationsPerInvoke = Messages)]
    public async Task Mbsync()
    {
        var near = Path.Combine(_dovecot!.Folder, "near");
        if (Directory.Exists(near)) Directory.Delete(near, recursive: true);
        Directory.CreateDirectory(near);
        await DovecotPeer.RunAsync("mbsync", "-q", "-c", Path.Combine(_dovecot.Folder, "mbsyncrc"), "c");
        if (Directory.GetFiles(Path.Combine(near, "INBOX"), "*", SearchOption.AllDirectories).Length < Messages) throw new InvalidOperationException("mbsync did not take every message.");
    }

    /// <summary>One connection, one FETCH after the other: curl knows no other way.</summary>
    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Curl() => DovecotPeer.RunAsync("curl", "-s", "-u", "bench:secret", string.Create(CultureInfo.InvariantCulture, $"imap://127.0.0.1:{_dovecot!.Port}/INBOX;UID=[1-{Messages}]"), "-o", "/dev/null");

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task PythonImaplib() => DovecotPeer.RunAsync("python3", "-c", Imaplib, _dovecot!.Port.ToString(CultureInfo.InvariantCulture));

    private static async Task<long> FetchAsync(ImapClient client, uint[] uids)
    {
        long bytes = 0;
        var fetched = await client.UidFetchAsync(uids, withBody: true, m =>
        {
            bytes += m.Body!.Length;
            return ValueTask.CompletedTask;
        }, CancellationToken.None);
        return fetched.Value == uids.Length ? bytes : throw new InvalidOperationException(fetched.Failure?.Detail ?? "Not every message came.");
    }

    private async Task<long> CountedAsync(string name, Func<Task<long>> run)
    {
        using var self = Process.GetCurrentProcess();
        var (cpu, wall) = (self.TotalProcessorTime, Stopwatch.GetTimestamp());
        var bytes = await run();
        self.Refresh();
        var before = _spent.GetValueOrDefault(name);
        _spent[name] = (before.Cpu + (self.TotalProcessorTime - cpu), before.Wall + Stopwatch.GetElapsedTime(wall), before.Runs + 1);
        return bytes;
    }

    /// <summary>A server in memory: it answers FETCH with messages made beforehand.</summary>
    private sealed class ReplayStream(int messages) : Stream
    {
        private readonly byte[][] _answers = [.. Enumerable.Range(1, messages).Select(Answer)];
        private readonly Queue<ReadOnlyMemory<byte>> _outgoing = new([Encoding.ASCII.GetBytes("* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] ready\r\n")]);
        private readonly SemaphoreSlim _more = new(1);
        private ReadOnlyMemory<byte> _now;

        private static byte[] Answer(int uid)
        {
            var message = DovecotPeer.Message(uid);
            return [.. Encoding.ASCII.GetBytes($"* {uid} FETCH (UID {uid} FLAGS (\\Seen) INTERNALDATE \"22-Nov-2026 09:00:00 +0000\" RFC822.SIZE {message.Length} BODY[] {{{message.Length}}}\r\n"), .. message, .. ")\r\n"u8];
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (_now.IsEmpty)
            {
                if (_outgoing.TryDequeue(out _now)) continue;
                await _more.WaitAsync(cancellationToken);
            }
            var count = 0;
            // As a socket gives what has come, over the ends of messages.
            while (count < buffer.Length && (!_now.IsEmpty || _outgoing.TryDequeue(out _now)))
            {
                var piece = Math.Min(buffer.Length - count, _now.Length);
                _now[..piece].CopyTo(buffer[count..]);
                _now = _now[piece..];
                count += piece;
            }
            return count;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            foreach (var line in Encoding.ASCII.GetString(buffer.Span).Split("\r\n", StringSplitOptions.RemoveEmptyEntries))
            {
                var words = line.Split(' ');
                if (words is [_, "UID", "FETCH", var set, ..])
                {
                    var ends = set.Split(':');
                    var first = int.Parse(ends[0], CultureInfo.InvariantCulture);
                    var last = int.Parse(ends[^1], CultureInfo.InvariantCulture);
                    for (var uid = first; uid <= last; uid++) _outgoing.Enqueue(_answers[uid - 1]);
                }
                else if (words is [_, "EXAMINE", ..]) _outgoing.Enqueue(Encoding.ASCII.GetBytes($"* {_answers.Length} EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n"));
                else if (words is [_, "CAPABILITY"]) _outgoing.Enqueue("* CAPABILITY IMAP4rev1 LITERAL+\r\n"u8.ToArray());
                _outgoing.Enqueue(Encoding.ASCII.GetBytes(words[0] + " OK done\r\n"));
            }
            _more.Release();
            return ValueTask.CompletedTask;
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
