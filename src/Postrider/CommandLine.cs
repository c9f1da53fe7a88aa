using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using Postrider.Entra;
using Postrider.IncomingMail;
using Postrider.OutgoingServers;
using Postrider.Telemetry;

namespace Postrider;

/// <summary><c>postrider serve</c> and <c>postrider explain</c>. What cannot be understood is refused before anything starts, with the option's name.</summary>
internal static class CommandLine
{
    private const int DefaultPort = 8470;

    private static readonly Option<DirectoryInfo> Data = new("--data") { Description = "Folder of the database and its key file; made when it does not exist", DefaultValueFactory = _ => new DirectoryInfo("postrider-data") };
    private static readonly Option<string?> Database = new("--database")
    {
        Description = "PostgreSQL database in place of the file in the data folder, such as \"Host=db.example.com;Database=postrider;Username=postrider\"; also read from the environment variable POSTRIDER_DATABASE, which other users of this machine cannot see",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("POSTRIDER_DATABASE") is { Length: > 0 } given ? given : null,
    };
    private static readonly Option<int> Port = new("--port")
    {
        Description = "Port on this machine; 0 takes a free one",
        DefaultValueFactory = _ => DefaultPort,
        CustomParser = PortOf,
    };
    private static readonly Option<FileInfo?> TrustCertificate = new("--trust-certificate") { Description = "PEM file of certificate authorities trusted besides the system's, for Entra, SMTP and IMAP" };
    private static readonly Option<string?> Login = new("--login")
    {
        Description = "Sign-in address of another Microsoft cloud or of the sandbox; http for this machine only",
        Validators = { result => Refuse(result, LoginOf(result.GetValueOrDefault<string?>()) is not null, "--login takes an https address without a path, such as https://login.microsoftonline.us; http is taken for this machine only.") },
    };
    private static readonly Option<string?> Smtp = new("--smtp")
    {
        Description = "host:port of that cloud's SMTP submission",
        Validators = { result => Refuse(result, HostOf(result.GetValueOrDefault<string?>()) is not null, "--smtp takes host:port, such as smtp.office365.com:587.") },
    };
    private static readonly Option<string?> Imap = new("--imap")
    {
        Description = "host:port of that cloud's IMAP",
        Validators = { result => Refuse(result, HostOf(result.GetValueOrDefault<string?>()) is not null, "--imap takes host:port, such as outlook.office365.com:993.") },
    };
    private static readonly Option<string?> Submission = Listener("--submission", "address:port where other programs hand in mail by SMTP, with STARTTLS, or without TLS on this machine", "127.0.0.1:587");
    private static readonly Option<string?> SubmissionTls = Listener("--submission-tls", "address:port where they do it with TLS from the first byte", "0.0.0.0:465");
    private static readonly Option<FileInfo?> SubmissionCertificate = new("--submission-certificate") { Description = "PEM file with the certificate for them, its chain and its key" };
    private static readonly Option<bool> Quiet = new("--quiet") { Description = "Nothing but errors on the console" };

    public static RootCommand Make()
    {
        var serve = new Command("serve", "Run the hub until it is told to stop") { Data, Database, Port, TrustCertificate, Login, Smtp, Imap, Submission, SubmissionTls, SubmissionCertificate, Quiet };
        serve.SetAction((parsed, cancellationToken) => ServeAsync(OptionsOf(parsed), cancellationToken));
        return new RootCommand("Postrider connects the software a company runs to its mailboxes in Microsoft 365.") { serve, Explain() };
    }

    /// <summary>The hub's decisions without a hub: each case brings its own settings.</summary>
    private static Command Explain()
    {
        var outgoing = Batch("outgoing", "Which outgoing mail server a mail goes through, and under which From",
            (ChoiceCase one) => one.Answer(), (id, why) => ChoiceAnswer.Of(id, "case-invalid", why));
        var address = Batch("address", "What the addresses of a header field are read as",
            (AddressCase one) => one.Answer(), (id, why) => new AddressAnswer(id, [], null, [why]));
        var incoming = Batch("incoming", "Where a received mail belongs, what it reports, and what it holds",
            (IncomingCase one) => one.Answer(), IncomingAnswer.Of);
        return new Command("explain", "Say what would be decided, and why") { outgoing, address, incoming };
    }

    private static Command Batch<TCase, TAnswer>(string name, string description, Func<TCase, TAnswer> answer, Func<string?, string, TAnswer> unreadable)
        where TCase : class
    {
        var batch = new Option<bool>("--batch") { Description = "Read cases from standard input, one JSON object a line, and write one answer a line", Required = true };
        var command = new Command(name, description) { batch };
        command.SetAction(async (_, cancellationToken) =>
        {
            using var input = new StreamReader(Console.OpenStandardInput(), bufferSize: 1 << 16);
            await using var output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: 1 << 16) { NewLine = "\n" };
            await JsonLines.AnswerAsync(input, output, answer, unreadable, cancellationToken);
            return 0;
        });
        return command;
    }

    private static Option<string?> Listener(string name, string description, string example) => new(name)
    {
        Description = description,
        Validators = { result => Refuse(result, EndPointOf(result.GetValueOrDefault<string?>()) is not null, $"{name} takes the address of a network card and a port, such as {example}; a port alone is taken on this machine only.") },
    };

    private static int PortOf(ArgumentResult given)
    {
        if (given.Tokens is [var token] && int.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65535) return port;
        given.AddError("--port takes a number from 0 to 65535.");
        return 0;
    }

    internal static HubOptions OptionsOf(ParseResult parsed)
    {
        var worldwide = MicrosoftCloud.Worldwide;
        var smtp = HostOf(parsed.GetValue(Smtp));
        var imap = HostOf(parsed.GetValue(Imap));
        var login = LoginOf(parsed.GetValue(Login));
        var other = smtp is not null || imap is not null || login is not null;
        return new HubOptions
        {
            DataFolder = parsed.GetValue(Data)!.FullName,
            Database = parsed.GetValue(Database),
            Port = parsed.GetValue(Port),
            TrustCertificateFile = parsed.GetValue(TrustCertificate)?.FullName,
            Submission = EndPointOf(parsed.GetValue(Submission)),
            SubmissionTls = EndPointOf(parsed.GetValue(SubmissionTls)),
            SubmissionCertificateFile = parsed.GetValue(SubmissionCertificate)?.FullName,
            Quiet = parsed.GetValue(Quiet),
            Cloud = !other ? worldwide : new MicrosoftCloud(
                "as given on the command line", login ?? worldwide.Login,
                smtp?.Host ?? worldwide.SmtpHost, smtp?.Port ?? worldwide.SmtpPort, imap?.Host ?? worldwide.ImapHost, imap?.Port ?? worldwide.ImapPort),
        };
    }

    private static async Task<int> ServeAsync(HubOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await using var hub = await Hub.StartAsync(options, cancellationToken);
            await Console.Out.WriteLineAsync($"Postrider is at {hub.Address}");
            if (hub.SetupLink is not null) await Console.Out.WriteLineAsync($"Make the first administrator (the link works once): {hub.SetupLink}");
            await hub.WaitForShutdownAsync(cancellationToken);
            return 0;
        }
        catch (StartRefusedException refused)
        {
            await Console.Error.WriteLineAsync($"postrider: {refused.What}\n{refused.Remedy} ({refused.Code})");
            return 2;
        }
    }

    private static void Refuse(OptionResult result, bool admitted, string reason)
    {
        if (result.Tokens.Count > 0 && !admitted) result.AddError(reason);
    }

    private static IPEndPoint? EndPointOf(string? value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? (port <= 65535 ? new IPEndPoint(IPAddress.Loopback, port) : null)
        : value is not null && value.LastIndexOf(':') is > 0 and var colon && colon < value.Length - 1 && (value[0] == '[' ? value[colon - 1] == ']' : value.IndexOf(':', StringComparison.Ordinal) == colon) && IPEndPoint.TryParse(value, out var address) ? address : null;

    private static Uri? LoginOf(string? value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)) && url.AbsolutePath == "/" && url.Query.Length == 0
            ? new Uri(url.GetLeftPart(UriPartial.Authority) + "/") : null;

    private static (string Host, int Port)? HostOf(string? value) =>
        value?.LastIndexOf(':') is > 0 and var colon && int.TryParse(value.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535
            ? (value[..colon], port) : null;
}
