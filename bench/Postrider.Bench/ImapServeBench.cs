using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BenchmarkDotNet.Attributes;
using Postrider.Mail.Imap;
using Postrider.Mail.Sasl;

namespace Postrider.Bench;

/// <summary>The IMAP server over plain loopback, with a client that only counts bytes. One operation is a folder of 5,000 messages of 5 KB, once.</summary>
public class ImapServeBench
{
    private const int Messages = 5000;
    private const int IdleSessions = 1000;

    private readonly Folder _folder = new();
    private ImapServer? _server;
    private Client? _client;

    [GlobalSetup]
    public void Setup()
    {
        var body = string.Concat(Enumerable.Repeat("Two loaves of bread, and a pound of butter, please.\r\n", 92));
        for (var i = 0; i < Messages; i++)
            _folder.Append(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"From: Ann <ann@example.com>\r\nTo: ben@example.com\r\nSubject: Order {i}\r\nDate: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{i}@example.com>\r\n\r\n{body}")), [], DateTimeOffset.UnixEpoch);
        _server = ImapServer.Start(
            new ImapServerOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0), MaxConnections = IdleSessions + 10, CapabilitiesBefore = ImapCapabilities.FullBefore, CapabilitiesAfter = ImapCapabilities.FullAfter },
            new Backend(_folder));
        _client = Connect();
        _client.Ask("SELECT INBOX");
    }

    [GlobalCleanup]
    public async Task Cleanup()
    {
        _client!.Dispose();
        await _server!.DisposeAsync();
    }

    [Benchmark]
    public long FetchBodies() => _client!.Ask("UID FETCH 1:* (UID BODY.PEEK[])");

    [Benchmark]
    public long FetchEnvelopes() => _client!.Ask("UID FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE)");

    [Benchmark]
    public long SearchSubjects() => _client!.Ask("UID SEARCH SUBJECT 4999");

    /// <summary>Managed bytes of the server and of this client's sockets for each of a thousand sessions that idle on the folder; the figure is the line printed.</summary>
    [Benchmark]
    public long IdleSession()
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var clients = new List<Client>(IdleSessions);
        for (var i = 0; i < IdleSessions; i++)
        {
            var client = Connect();
            client.Ask("SELECT INBOX");
            client.Idle();
            clients.Add(client);
        }
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / IdleSessions;
        Console.WriteLine($"// {each} bytes for each idle session");
        foreach (var client in clients) client.Dispose();
        return each;
    }

    private Client Connect()
    {
        var client = new Client(_server!.LocalEndPoint);
        client.Ask("AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=");
        return client;
    }

    /// <summary>Knows of IMAP only where an answer ends.</summary>
    private sealed class Client : IDisposable
    {
        // One for all: only one client reads at a time.
        private static readonly byte[] Buffer = new byte[256 * 1024];

        private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        private int _tag;

        public Client(IPEndPoint server)
        {
            _socket.Connect(server);
            ReadUntil("ready.\r\n"u8);
        }

        /// <returns>Bytes of the answer.</returns>
        public long Ask(string command)
        {
            var tag = string.Create(CultureInfo.InvariantCulture, $"t{++_tag:D9}");
            _socket.Send(Encoding.ASCII.GetBytes($"{tag} {command}\r\n"));
            return ReadUntil(Encoding.ASCII.GetBytes($"\r\n{tag} OK"));
        }

        public void Idle()
        {
            _socket.Send("i IDLE\r\n"u8);
            ReadUntil("+ "u8);
        }

        public void Dispose() => _socket.Dispose();

        /// <summary>The mark is near the end of what comes last.</summary>
        private long ReadUntil(ReadOnlySpan<byte> mark)
        {
            long total = 0;
            var kept = 0;
            // The first line of an answer begins without a line end before it.
            "\r\n"u8.CopyTo(Buffer);
            kept = 2;
            while (true)
            {
                var read = _socket.Receive(Buffer.AsSpan(kept));
                if (read == 0) throw new IOException("The server closed.");
                total += read;
                var filled = kept + read;
                if (Buffer.AsSpan(0, filled).LastIndexOf(mark) >= 0 && Buffer[filled - 1] is (byte)'\n' or (byte)' ') return total;
                kept = Math.Min(filled, 200);
                Buffer.AsSpan(filled - kept, kept).CopyTo(Buffer);
            }
        }
    }

    internal sealed class Backend(Folder folder) : IImapBackend, IImapAccount
    {
        public string? NotConnected => null;
        public string? ByeText => null;
        public CancellationToken Expired => CancellationToken.None;

        public Task<ImapAuthResult> AuthenticateAsync(IPEndPoint remote, SaslCredential credential, CancellationToken cancel) => Task.FromResult(new ImapAuthResult(this, null));
        public IReadOnlyList<ImapFolder> Folders() => [new ImapFolder("INBOX", '/', [])];
        public IImapFolderStore? Open(string name) => folder;
        public string? Create(string name) => "NO";
        public string? Delete(string name) => "NO";
        public string? Rename(string oldName, string newName) => "NO";
    }

    /// <summary>Delivered to by one, read by many.</summary>
    internal sealed class Folder : IImapFolderStore
    {
        private volatile ImapStoredMessage[] _messages = [];

        public string Name => "INBOX";
        public uint UidValidity => 1;
        public uint UidNext => (uint)_messages.Length + 1;
        public event Action? Changed;

        /// <summary>Sessions that have it selected.</summary>
        public int Watchers => Changed?.GetInvocationList().Length ?? 0;

        public IReadOnlyList<ImapStoredMessage> Messages() => _messages;

        public uint Append(ReadOnlyMemory<byte> bytes, IReadOnlyList<string> flags, DateTimeOffset internalDate)
        {
            _messages = [.. _messages, new ImapStoredMessage(UidNext, internalDate, flags, bytes)];
            Changed?.Invoke();
            return UidNext - 1;
        }

        public ImapStoredMessage? ChangeFlags(uint uid, Func<ImapStoredMessage, IReadOnlyList<string>> change) => null;
        public bool Remove(uint uid) => false;
    }
}
