using Postrider.Web;

namespace Postrider.Journal;

/// <summary>What a cause lies in. The word before the first colon of a cause.</summary>
internal enum IncidentAbout
{
    /// <summary>The Azure application: every mailbox of it.</summary>
    Application,
    /// <summary>A signed-in account: all its servers, in both directions.</summary>
    Account,
    /// <summary>An organisation in Microsoft 365.</summary>
    Tenant,
    /// <summary>The way to Microsoft's sign-in.</summary>
    SignIn,
    /// <summary>A host and port: all servers behind it.</summary>
    Host,
    /// <summary>A mailbox, in one direction.</summary>
    Mailbox,
    /// <summary>One server record.</summary>
    Server,
}

/// <summary>Why mail stands still. Equal for everything that one deed mends.</summary>
/// <param name="Key">Within <paramref name="About"/>: a client id, an account's id, <c>host:port</c>, <c>outgoing:address</c>.</param>
/// <param name="Code">Of the problem.</param>
internal sealed record IncidentCause(IncidentAbout About, string Key, string Code)
{
    public string Word => WordOf(About);

    /// <summary><c>application:11112222-…:outlook-secret-expired</c></summary>
    public override string ToString() => $"{Word}:{Key}:{Code}";

    public static string WordOf(IncidentAbout about) => about switch
    {
        IncidentAbout.Application => "application",
        IncidentAbout.Account => "account",
        IncidentAbout.Tenant => "tenant",
        IncidentAbout.SignIn => "sign-in",
        IncidentAbout.Host => "host",
        IncidentAbout.Mailbox => "mailbox",
        _ => "server",
    };
}

/// <summary>What a server hangs on: by it a cause finds its servers.</summary>
/// <param name="Direction"><c>outgoing</c> or <c>incoming</c>.</param>
/// <param name="Mailbox">Normalised; null when its user name is no address.</param>
/// <param name="Account">Null: none is connected; so are <paramref name="Tenant"/> and <paramref name="ClientId"/> then.</param>
internal sealed record ServerTies(string Direction, Guid Id, string Host, int Port, string? Mailbox, Guid? Account, Guid? Tenant, string? ClientId)
{
    public IncidentCause CauseOf(IncidentAbout about, string code) => about switch
    {
        IncidentAbout.Application when ClientId is { } application => new(about, application, code),
        IncidentAbout.Account when Account is { } account => new(about, account.ToString("D"), code),
        IncidentAbout.Tenant when Tenant is { } tenant => new(about, tenant.ToString("D"), code),
        IncidentAbout.SignIn => new(about, "microsoft", code),
        IncidentAbout.Host => new(about, $"{Host}:{Port}", code),
        IncidentAbout.Mailbox when Mailbox is { } mailbox => new(about, $"{Direction}:{mailbox}", code),
        _ => new(IncidentAbout.Server, $"{Direction}:{Id:D}", code),
    };

    public bool AreTouchedBy(IncidentCause cause) => CauseOf(cause.About, cause.Code) == cause;
}

/// <summary>How an incident ended.</summary>
internal enum IncidentEnd
{
    ByItself,
    TestConnection,
    /// <summary>Somebody changed something: credentials, an account, a server.</summary>
    Change,
}

/// <summary>One cause that stops mail, from its first to its last sign.</summary>
internal sealed record Incident
{
    public required Guid Id { get; init; }
    public required IncidentCause Cause { get; init; }
    /// <summary>As it was seen last.</summary>
    public required Problem Problem { get; init; }
    /// <summary>False: it passes by itself, and nobody is troubled.</summary>
    public required bool NeedsPerson { get; init; }
    public required DateTimeOffset FirstSeenAt { get; init; }
    public required DateTimeOffset LastSeenAt { get; init; }
    public required long Times { get; init; }
    /// <summary>Null while it is open.</summary>
    public DateTimeOffset? EndedAt { get; init; }
    public IncidentEnd? EndedHow { get; init; }
    /// <summary>Who did what ended it; null: the hub found out.</summary>
    public Guid? EndedBy { get; init; }
}

/// <summary>The rules of incidents. Pure.</summary>
internal static class IncidentRules
{
    /// <summary>A cause that comes back within this time is the same incident: a server that wavers is one trouble, not many.</summary>
    public static readonly TimeSpan SameAgain = TimeSpan.FromMinutes(10);

    /// <summary>What is over sooner is not written to anybody.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>An end of longer ago is no news.</summary>
    public static readonly TimeSpan News = TimeSpan.FromHours(1);

    public static bool NeedsPerson(Problem problem) => problem.Who != "nobody";

    /// <summary>These are seen by asking Microsoft for a token, and end by its answer; the others are over when no server rests for them.</summary>
    public static bool EndsByTokenOnly(IncidentAbout about) => about is IncidentAbout.Application or IncidentAbout.Account;

    public static string Word(IncidentEnd how) => how switch { IncidentEnd.TestConnection => "test-connection", IncidentEnd.Change => "change", _ => "by-itself" };

    public static IncidentEnd? EndOf(string? word) => word switch { null => null, "test-connection" => IncidentEnd.TestConnection, "change" => IncidentEnd.Change, _ => IncidentEnd.ByItself };
}
