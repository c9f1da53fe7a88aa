using System.Buffers;
using System.Text;
using Postrider.Mail.Sasl;
using Postrider.Mail.Wire;

namespace Postrider.Mail.Pop3;

/// <summary>
/// A POP3 session (RFC 1939). One caller at a time. Expected failures are values; only cancellation throws, and it leaves the connection unusable.
/// The connection survives a <c>-ERR</c>, except where the command was QUIT; it does not survive a broken line, a time limit, or an answer that is not POP3.
/// What is deleted is deleted only by <see cref="QuitAsync"/>: a session that ends in any other way leaves everything where it was.
/// </summary>
public sealed partial class Pop3Client : IAsyncDisposable
{
    // RFC 2449 section 4: 512 octets for a response; more is taken from servers that explain themselves at length.
    private const int MaxLine = 8192;
    private const int MaxCapabilities = 200;
    private static readonly TimeSpan GoodbyeLimit = TimeSpan.FromSeconds(2);

    private readonly WireConnection connection;
    private readonly Pop3ClientOptions options;
    private readonly string[] secrets;
    // The command whose answer is awaited.
    private string stage = "CONNECT";

    private Pop3Client(WireConnection connection, SaslCredential credential, WireEndpoint endpoint, Pop3ClientOptions options)
    {
        this.connection = connection;
        this.options = options;
        secrets = SecretsOf(credential, endpoint);
    }

    public Pop3Capabilities Capabilities { get; private set; } = Pop3Capabilities.None;

    public bool IsUsable { get; private set; } = true;

    /// <summary>Connects, secures and signs in. Expected failures are values; only cancellation throws.</summary>
    public static async Task<Pop3ConnectResult> ConnectAsync(WireEndpoint endpoint, SaslCredential credential, Pop3ClientOptions? options, CancellationToken cancel)
    {
        options ??= new Pop3ClientOptions();
        if (SaslResponses.Flaw(credential) is { } flaw) return new(null, new(WireFailureKind.AuthenticationRefused, "AUTH", null, flaw + " Nothing was sent.", false));
        using var deadline = new Deadline(options.Clock, options.ConnectTimeout, cancel);
        var (connection, failure) = await WireConnection.ConnectAsync(endpoint, options.Clock, deadline);
        if (connection is null) return new(null, new(failure!.Kind, "CONNECT", null, failure.Detail, false));
        return await OpenAsync(connection, endpoint, credential, options, deadline, cancel);
    }

    /// <summary>The dialogue over a connection that stands; takes ownership of it.</summary>
    internal static async Task<Pop3ConnectResult> OpenAsync(WireConnection connection, WireEndpoint endpoint, SaslCredential credential, Pop3ClientOptions options, Deadline deadline, CancellationToken cancel)
    {
        var client = new Pop3Client(connection, credential, endpoint, options);
        Pop3Failure? failure;
        try
        {
            failure = await client.GreetAsync(endpoint, deadline) ?? await client.AuthenticateAsync(credential, endpoint, cancel);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
        if (failure is null) return new(client, null);
        await client.DisposeAsync();
        return new(null, failure with { ConnectionSurvives = false });
    }

    /// <summary>QUIT: the server deletes what was marked by DELE and closes. When it fails, it is not known what was deleted.</summary>
    public async Task<Pop3Failure?> QuitAsync(CancellationToken cancel)
    {
        var failure = await OneAsync("QUIT", "QUIT", cancel);
        IsUsable = false;
        return failure is null ? null : failure with { ConnectionSurvives = false };
    }

    /// <summary>NOOP: the session is alive.</summary>
    public Task<Pop3Failure?> NoopAsync(CancellationToken cancel) => OneAsync("NOOP", "NOOP", cancel);

    /// <summary>RSET: nothing is marked for deletion any more.</summary>
    public Task<Pop3Failure?> ResetAsync(CancellationToken cancel) => OneAsync("RSET", "RSET", cancel);

    /// <summary>Closes without QUIT where something is marked for deletion and QUIT was not asked for: nothing is deleted. See <see cref="QuitAsync"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        if (IsUsable && !deletes)
        {
            // Real time: the goodbye must end also when a test holds its clock.
            using var deadline = new Deadline(TimeProvider.System, GoodbyeLimit, CancellationToken.None);
            try
            {
                await WriteAsync("QUIT", "QUIT", null, deadline);
                await LineAsync(deadline);
            }
            catch (Exception e) when (deadline.Explain(e) is not null)
            {
                // A server that closes without an answer has understood as well.
            }
        }
        IsUsable = false;
        await connection.DisposeAsync();
    }

    private async Task<Pop3Failure?> GreetAsync(WireEndpoint endpoint, Deadline deadline)
    {
        try
        {
            if (await AnswerAsync(deadline) is { } refused) return refused;
            if (endpoint.Security == WireSecurity.StartTls)
            {
                if (await CapabilitiesAsync(deadline) is { } deaf) return deaf;
                if (!Capabilities.Stls) return new(WireFailureKind.StartTlsNotOffered, "STLS", null, $"{endpoint.Host} does not offer STLS, so nothing was sent unencrypted.", true);
                await WriteAsync("STLS", "STLS", null, deadline);
                if (await AnswerAsync(deadline) is { } no) return no;
                // Whoever sits on the line added answers that would be taken for the secured server's (CVE-2011-0411 and its kin).
                if (connection.HasUnreadInput) return Broken(WireFailureKind.ProtocolError, "Something was sent in clear behind the answer to STLS; the connection may be tampered with and was dropped.");
                if (await connection.StartTlsAsync(endpoint, deadline) is { } tls) return Broken(tls.Kind, tls.Detail);
            }
            // RFC 2595 section 4: what was learned in clear is forgotten.
            return await CapabilitiesAsync(deadline);
        }
        catch (Exception e)
        {
            IsUsable = false;
            if (deadline.Explain(e) is { } broken) return new(broken.Kind, stage, null, broken.Detail, false);
            throw;
        }
    }

    /// <summary>CAPA. A server that does not know it has no capabilities, which is no failure.</summary>
    private async ValueTask<Pop3Failure?> CapabilitiesAsync(Deadline deadline)
    {
        await WriteAsync("CAPA", "CAPA", null, deadline);
        if (await AnswerAsync(deadline) is { } refusal)
        {
            Capabilities = Pop3Capabilities.None;
            return refusal.ConnectionSurvives ? null : refusal;
        }
        List<string> lines = [];
        while (await ListLineAsync(deadline) is { } line)
        {
            if (lines.Count == MaxCapabilities) throw new WireProtocolException("The server announces more capabilities than allowed.");
            lines.Add(line);
        }
        Capabilities = Pop3Capabilities.From(lines);
        return null;
    }

    /// <summary>A command with an answer of one line.</summary>
    private Task<Pop3Failure?> OneAsync(string name, string line, CancellationToken cancel) => GuardedAsync(name, async deadline =>
    {
        await WriteAsync(name, line, null, deadline);
        return await AnswerAsync(deadline);
    }, cancel);

    /// <summary>Runs one exchange. What the wire throws becomes a failure; anything else is thrown on, and either way the connection is given up.</summary>
    private async Task<Pop3Failure?> GuardedAsync(string name, Func<Deadline, Task<Pop3Failure?>> exchange, CancellationToken cancel)
    {
        if (!IsUsable) return new(WireFailureKind.Disconnected, name, null, "The connection is closed.", false);
        using var deadline = new Deadline(options.Clock, options.CommandTimeout, cancel);
        try
        {
            return await exchange(deadline);
        }
        catch (Exception e)
        {
            IsUsable = false;
            if (e != callersFault && deadline.Explain(e) is { } broken) return new(broken.Kind, stage, null, broken.Detail, false);
            throw;
        }
    }

    private async ValueTask WriteAsync(string name, string line, string? shown, Deadline deadline)
    {
        stage = name;
        // An answer that is there before the command is none to it.
        if (connection.HasUnreadInput) throw new WireProtocolException($"The server sent an answer before {name} was asked.");
        Write(line, shown);
        await connection.Output.FlushAsync(deadline.Token);
    }

    private void Write(string line, string? shown)
    {
        if (line.AsSpan().ContainsAny('\r', '\n', '\0')) throw new ArgumentException("A command must be one line.", nameof(line));
        options.Transcript?.Invoke(false, shown ?? line);
        Encoding.UTF8.GetBytes(line, connection.Output);
        connection.Output.Write("\r\n"u8);
    }

    /// <summary>The first line of an answer.</summary>
    /// <returns>Null for <c>+OK</c>.</returns>
    private async ValueTask<Pop3Failure?> AnswerAsync(Deadline deadline)
    {
        var line = await LineAsync(deadline);
        if (IsOk(line)) return null;
        return IsErr(line) ? Refused(line) : throw new WireProtocolException($"The server answered {stage} with something that is no answer of POP3: {Shortened(line)}");
    }

    private static bool IsOk(string line) => line.StartsWith("+OK", StringComparison.OrdinalIgnoreCase) && (line.Length == 3 || line[3] == ' ');
    private static bool IsErr(string line) => line.StartsWith("-ERR", StringComparison.OrdinalIgnoreCase) && (line.Length == 4 || line[4] == ' ');

    private async ValueTask<string> LineAsync(Deadline deadline)
    {
        var line = WireText.Printable(Scrub(Encoding.UTF8.GetString((await connection.Lines.ReadAsync(MaxLine, deadline.Token)).Span)));
        options.Transcript?.Invoke(true, line);
        return line;
    }

    /// <summary>A line of a list, without the dot that was put before it; null at its end.</summary>
    private async ValueTask<string?> ListLineAsync(Deadline deadline)
    {
        var bytes = await connection.Lines.ReadAsync(MaxLine, deadline.Token);
        if (bytes.Span is [(byte)'.']) return null;
        if (bytes.Span is [(byte)'.', ..]) bytes = bytes[1..];
        return WireText.Printable(bytes.Span);
    }

    /// <summary>A server that repeats the credential in its answer does not get it into a log.</summary>
    private string Scrub(string text)
    {
        foreach (var secret in secrets)
            if (text.Contains(secret, StringComparison.Ordinal)) text = text.Replace(secret, "[redacted]", StringComparison.Ordinal);
        return text;
    }

    private Pop3Failure Refused(string line) => new(WireFailureKind.CommandRefused, stage, line, $"The server refused {stage}: {Shortened(line)}", IsUsable) { Code = Pop3Failure.CodeOf(line) };

    private Pop3Failure Broken(WireFailureKind kind, string detail)
    {
        IsUsable = false;
        return new(kind, stage, null, detail, false);
    }

    private static string Shortened(string line) => line.Length <= 300 ? line : line[..300] + "…";
}
