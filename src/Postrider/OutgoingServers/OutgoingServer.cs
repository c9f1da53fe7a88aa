using System.Globalization;
using System.Net;
using Postrider.Entra;
using Postrider.Mail;
using Postrider.OutlookAccounts;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>How a server is signed in to.</summary>
public enum ServerKind
{
    /// <summary>A mailbox of Microsoft 365 or Outlook.com, by OAuth.</summary>
    Outlook,
    /// <summary>Any other SMTP server, by user name and password or by nothing.</summary>
    Smtp,
}

/// <summary>An Outgoing Mail Server. The password is not here.</summary>
public sealed record OutgoingServer
{
    public OutgoingServerId Id { get; init; }
    public string Name { get; init; } = "";
    public ServerKind Kind { get; init; }
    public string Host { get; init; } = "";
    public int Port { get; init; }
    public WireSecurity Security { get; init; }
    /// <summary>The mailbox's address for Outlook; null: no sign-in.</summary>
    public string? UserName { get; init; }
    public bool PasswordIsSet { get; init; }
    /// <summary>What it is signed in to by, instead of a password; null: none.</summary>
    public ClientCertificate? Certificate { get; init; }
    /// <summary>PEM of the authorities that this server alone trusts besides the system's; null: none.</summary>
    public string? TrustedAuthorities { get; init; }
    /// <summary>As entered; see <see cref="OutgoingServers.FromFilter"/>.</summary>
    public string FromFilter
    {
        get;
        init
        {
            field = value;
            Senders = OutgoingServers.FromFilter.Parse(value);
        }
    } = "";
    /// <summary>The From Filter, read once: every mail asks it.</summary>
    internal FromFilter Senders { get; private init; } = OutgoingServers.FromFilter.Empty;
    /// <summary>Smaller is asked first.</summary>
    public int Sequence { get; init; }
    /// <summary>False: archived.</summary>
    public bool Active { get; init; }
    /// <summary>The user whose own server it is; null: everybody's.</summary>
    public Guid? Owner { get; init; }
    /// <summary>Null: no account is connected.</summary>
    public OutlookAccountId? AccountId { get; init; }
    /// <summary>Of that account; null without one.</summary>
    public Guid? TenantId { get; init; }
    /// <summary>Sessions at a time at most; for Outlook always <see cref="OutgoingServerRules.OutlookConnections"/>.</summary>
    public int MaxConnections { get; init; } = OutgoingServerRules.DefaultConnections;
    /// <summary>Bytes, as the server offered last; null until it was seen or when it names none.</summary>
    public long? SizeLimit { get; init; }
    /// <summary>Megabytes of a mail written here over which its files go as download links; null: as the system parameter has it.</summary>
    public int? MaxEmailSize { get; init; }
    /// <summary>What stopped it last; null when it works.</summary>
    public Problem? Problem { get; init; }
    public DateTimeOffset? ProblemAt { get; init; }
    /// <summary>Its mail waits until then; null: it does not rest.</summary>
    public DateTimeOffset? PausedUntil { get; init; }
    /// <summary>Failures in a row.</summary>
    public int Failures { get; init; }
    /// <summary>The incident it rests for; null: none.</summary>
    public Guid? IncidentId { get; init; }
    /// <summary>Since when a person holds it, so that nothing is sent; null: nobody does.</summary>
    public DateTimeOffset? HeldAt { get; init; }
    public Guid? HeldBy { get; init; }
    /// <summary>In that person's words; empty when none were given.</summary>
    public string? HeldReason { get; init; }

    /// <summary>Null when the user name is no address: then there is nothing to prove or to test a sending with.</summary>
    public EmailAddress? Mailbox => EmailAddress.TryParse(UserName, out var address) ? address : null;

    /// <param name="sendAs">What was seen of the senders its account may use.</param>
    internal ServerCandidate ToCandidate(IReadOnlyDictionary<EmailAddress, SendAsFact> sendAs) =>
        new(Id, Name, Senders, Sequence, Active, Owner, EnvelopeIsSender: Kind == ServerKind.Outlook) { Mailbox = Kind == ServerKind.Outlook ? Mailbox : null, SendAs = sendAs };
}

/// <summary>What was entered, field by field as text.</summary>
/// <param name="Password">Null or empty: the stored one stays.</param>
/// <param name="MaxConnections">Null or empty: what is stored stays, and a new server gets the default.</param>
/// <param name="MaxEmailSize">Null, empty or 0: as the system parameter has it.</param>
internal sealed record OutgoingServerDraft(string? Name, string? Kind, string? Host, string? Port, string? Security, string? UserName, string? Password, string? FromFilter, string? Sequence, bool Active, string? MaxConnections = null, string? MaxEmailSize = null)
{
    /// <summary><c>login</c> or <c>certificate</c>; null: as it is stored, and <c>login</c> for a new server.</summary>
    public string? Authentication { get; init; }
    /// <summary>Null: what is stored stays.</summary>
    public CertificateUpload? Certificate { get; init; }
    /// <summary>PEM. Null: what is stored stays; empty: none.</summary>
    public string? TrustedAuthorities { get; init; }

    /// <summary>What a new server's form begins with where Outlook is offered. Another SMTP server's host is typed over it.</summary>
    public static OutgoingServerDraft OfOutlook(MicrosoftCloud cloud) => new(
        null, OutgoingServerRules.Word(ServerKind.Outlook), cloud.SmtpHost, cloud.SmtpPort.ToString(CultureInfo.InvariantCulture), OutgoingServerRules.Word(WireSecurity.StartTls), null, null, null, "10", true);

    public static OutgoingServerDraft Of(OutgoingServer server) => new(
        server.Name, OutgoingServerRules.Word(server.Kind), server.Host, server.Port.ToString(CultureInfo.InvariantCulture), OutgoingServerRules.Word(server.Security), server.UserName, null, server.FromFilter, server.Sequence.ToString(CultureInfo.InvariantCulture), server.Active, server.MaxConnections.ToString(CultureInfo.InvariantCulture), server.MaxEmailSize?.ToString(CultureInfo.InvariantCulture)) { Authentication = OutgoingServerRules.AuthenticationOf(server) };
}

/// <summary>What a draft came to: a server, or what is wrong with each field.</summary>
/// <param name="Errors">By the field's name as in <see cref="OutgoingServerDraft"/>.</param>
internal sealed record OutgoingServerCheck(OutgoingServer? Server, IReadOnlyDictionary<string, string> Errors)
{
    /// <summary>The client certificate that was handed in, to be sealed and stored; null: what is stored stays.</summary>
    public byte[]? Pfx { get; init; }

    /// <summary>Why what was entered well is not stored; null otherwise.</summary>
    public Problem? Refusal { get; init; }

    public Problem? Problem => Refusal ?? (Errors.Count == 0 ? null : OutgoingServersProblems.Invalid(Errors));
}

/// <summary>The rules of what may be entered. Pure.</summary>
internal static class OutgoingServerRules
{
    /// <summary>Microsoft: "Exchange Online limits", SMTP client submission, read 2026-11: a fourth connection is answered with 432 4.3.2.</summary>
    public const int OutlookConnections = 3;
    public const int DefaultConnections = 5;
    public const int MostConnections = 50;
    /// <summary>Exchange Online announces 150 MB, and nobody more.</summary>
    public const int MostMegabytes = 150;
    /// <summary>By user name and password, or not at all.</summary>
    public const string Login = "login";
    public const string Certificate = "certificate";
    private const int MaxLength = 200;
    private const int MaxFilterLength = 2000;

    /// <param name="known">The server that is changed; null for a new one.</param>
    public static OutgoingServerCheck Check(OutgoingServerDraft draft, OutgoingServer? known, MicrosoftCloud cloud, bool outlookInstalled)
    {
        var errors = new Dictionary<string, string>(StringComparer.Ordinal);
        var name = draft.Name?.Trim() ?? "";
        if (name.Length is 0 or > MaxLength || name.Any(char.IsControl)) errors[nameof(draft.Name)] = "Enter a name.";

        var kind = draft.Kind switch { "outlook" => ServerKind.Outlook, _ => ServerKind.Smtp };
        if (kind == ServerKind.Outlook && !outlookInstalled) errors[nameof(draft.Kind)] = "Install the app Microsoft Outlook first.";

        var userName = string.IsNullOrWhiteSpace(draft.UserName) ? null : draft.UserName.Trim();
        if (userName is not null && (userName.Length > MaxLength || userName.Any(char.IsControl))) errors[nameof(draft.UserName)] = "This is no user name.";
        else if (kind == ServerKind.Outlook && !EmailAddress.TryParse(userName, out _)) errors[nameof(draft.UserName)] = "Enter the address of the mailbox.";

        // The choice Outlook fills what is left empty.
        var hostText = string.IsNullOrWhiteSpace(draft.Host) && kind == ServerKind.Outlook ? cloud.SmtpHost : draft.Host?.Trim() ?? "";
        var security = draft.Security switch { "none" => WireSecurity.None, "tls" => WireSecurity.Tls, _ => WireSecurity.StartTls };
        var portText = string.IsNullOrWhiteSpace(draft.Port) ? (kind == ServerKind.Outlook ? cloud.SmtpPort : UsualPort(security)).ToString(CultureInfo.InvariantCulture) : draft.Port.Trim();
        if (Uri.CheckHostName(hostText) == UriHostNameType.Unknown) errors[nameof(draft.Host)] = "Enter the name of a server.";
        // The token of a mailbox is as good as its password: no other host gets to see one.
        else if (kind == ServerKind.Outlook && !cloud.MayReceiveTokens(hostText)) errors[nameof(draft.Host)] = $"Outlook servers are Microsoft's own, such as {cloud.SmtpHost}. For another host choose another SMTP server.";
        if (!int.TryParse(portText, NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535) errors[nameof(draft.Port)] = "Enter a number from 1 to 65535.";

        if (kind == ServerKind.Outlook && security != WireSecurity.StartTls) errors[nameof(draft.Security)] = "Outlook uses TLS (STARTTLS).";
        else if (security == WireSecurity.None && !IsLoopback(hostText)) errors[nameof(draft.Security)] = "Without encryption only a server on this machine may be used.";

        var byCertificate = kind == ServerKind.Smtp && (draft.Authentication ?? (known is null ? null : AuthenticationOf(known))) == Certificate;
        var reading = byCertificate && draft.Certificate is { IsEmpty: false } upload ? ServerCertificates.Read(upload, name) : null;
        if (byCertificate && security == WireSecurity.None) errors[nameof(draft.Security)] = "Certificate-based authentication requires a TLS transport.";
        if (reading?.Wrong is { } unusable) errors[nameof(draft.Certificate)] = unusable;
        else if (byCertificate && reading is null && known?.Certificate is null) errors[nameof(draft.Certificate)] = $"SSL certificate is missing for {name}.";
        if (ServerCertificates.WhatIsWrong(draft.TrustedAuthorities) is { } noAuthority) errors[nameof(draft.TrustedAuthorities)] = noAuthority;

        var asksPassword = kind == ServerKind.Smtp && !byCertificate;
        // With a certificate there is no password, and the user name is for nobody but the page.
        if (kind == ServerKind.Outlook && !string.IsNullOrEmpty(draft.Password)) errors[nameof(draft.Password)] = "Leave the password empty: Outlook does not need one.";
        else if (asksPassword && !string.IsNullOrEmpty(draft.Password) && userName is null) errors[nameof(draft.UserName)] = "Enter the user name that goes with the password.";
        else if (asksPassword && userName is not null && string.IsNullOrEmpty(draft.Password) && known is not { PasswordIsSet: true }) errors[nameof(draft.Password)] = "Enter the password of this user.";
        // Whoever may change the host must not thereby receive the password at a machine of their own.
        else if (asksPassword && userName is not null && string.IsNullOrEmpty(draft.Password) && known is { } stored && !string.Equals(stored.Host, hostText, StringComparison.OrdinalIgnoreCase)) errors[nameof(draft.Password)] = $"Enter the password again: the stored one was given for {stored.Host}.";
        else if (draft.Password?.Length > MaxLength || draft.Password?.Any(char.IsControl) == true) errors[nameof(draft.Password)] = "This is no password.";

        var filter = draft.FromFilter?.Trim() ?? "";
        // As on the page: the mailbox sends as itself.
        if (filter.Length == 0 && kind == ServerKind.Outlook) filter = userName ?? "";
        if (filter.Length > MaxFilterLength) errors[nameof(draft.FromFilter)] = "This is too long.";
        else if (OutgoingServers.FromFilter.WhatIsWrong(filter) is { } wrong) errors[nameof(draft.FromFilter)] = wrong;

        var sequenceText = string.IsNullOrWhiteSpace(draft.Sequence) ? "10" : draft.Sequence.Trim();
        if (!int.TryParse(sequenceText, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) || sequence > 1_000_000) errors[nameof(draft.Sequence)] = "Enter a number from 0 up.";

        // Outlook's number is Microsoft's, whatever the form held before Outlook was chosen.
        var connections = kind == ServerKind.Outlook ? OutlookConnections : known is { Kind: ServerKind.Smtp } ? known.MaxConnections : DefaultConnections;
        if (kind == ServerKind.Smtp && !string.IsNullOrWhiteSpace(draft.MaxConnections) && (!int.TryParse(draft.MaxConnections.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out connections) || connections is < 1 or > MostConnections))
            errors[nameof(draft.MaxConnections)] = $"Enter a number from 1 to {MostConnections}.";

        var maxEmailSize = 0;
        if (!string.IsNullOrWhiteSpace(draft.MaxEmailSize) && (!int.TryParse(draft.MaxEmailSize.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out maxEmailSize) || maxEmailSize > MostMegabytes))
            errors[nameof(draft.MaxEmailSize)] = $"Enter a whole number of megabytes up to {MostMegabytes}, or nothing.";

        if (errors.Count > 0) return new(null, errors);
        var server = (known ?? new OutgoingServer()) with
        {
            Name = name, Kind = kind, Host = hostText.ToLowerInvariant(), Port = port, Security = security, UserName = userName, FromFilter = filter, Sequence = sequence, Active = draft.Active, MaxConnections = connections, MaxEmailSize = maxEmailSize == 0 ? null : maxEmailSize,
            Certificate = byCertificate ? reading?.Certificate ?? known?.Certificate : null,
            // Microsoft's own are of public authorities.
            TrustedAuthorities = kind == ServerKind.Outlook ? null : string.IsNullOrWhiteSpace(draft.TrustedAuthorities) ? draft.TrustedAuthorities is null ? known?.TrustedAuthorities : null : draft.TrustedAuthorities,
            PasswordIsSet = kind == ServerKind.Smtp && !byCertificate && userName is not null && (!string.IsNullOrEmpty(draft.Password) || known is { PasswordIsSet: true }),
        };
        return new(server, errors) { Pfx = reading?.Pfx };
    }

    public static string AuthenticationOf(OutgoingServer server) => server.Certificate is null ? Login : Certificate;

    public static string Word(ServerKind kind) => kind == ServerKind.Outlook ? "outlook" : "smtp";

    public static string Word(WireSecurity security) => security switch { WireSecurity.None => "none", WireSecurity.Tls => "tls", _ => "starttls" };

    public static ServerKind KindOf(string word) => word == "outlook" ? ServerKind.Outlook : ServerKind.Smtp;

    public static WireSecurity SecurityOf(string word) => word switch { "none" => WireSecurity.None, "tls" => WireSecurity.Tls, _ => WireSecurity.StartTls };

    /// <summary>RFC 8314 section 3.3 and RFC 6409 section 3.1; a relay on this machine listens on 25.</summary>
    private static int UsualPort(WireSecurity security) => security switch { WireSecurity.Tls => 465, WireSecurity.None => 25, _ => 587 };

    private static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}

/// <summary>The last Test Connection of a server.</summary>
/// <param name="Problem">Null: it succeeded.</param>
/// <param name="Transcript">Lines with <c>S: </c> or <c>C: </c> before them, secrets redacted.</param>
public sealed record ConnectionTestResult(DateTimeOffset At, Problem? Problem, IReadOnlyList<string> Transcript);
