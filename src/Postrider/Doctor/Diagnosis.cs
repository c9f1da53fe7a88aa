using Postrider.Journal;
using Postrider.Web;

namespace Postrider.Doctor;

/// <summary>What a failure is about, and with it who has to wait: a message, a server, an account or everything the application does.</summary>
internal enum FaultScope
{
    /// <summary>Passes by itself: try again later.</summary>
    Passing,
    /// <summary>The Azure application: every mailbox of it stands still until somebody mends it. One incident, not one for each mailbox.</summary>
    Application,
    /// <summary>One signed-in account: its owner signs in again, or its administrator changes something.</summary>
    Account,
    /// <summary>The organisation has forbidden it: all its mailboxes in this direction.</summary>
    Tenant,
    /// <summary>The way to a host and port: every server behind them.</summary>
    Host,
    /// <summary>The mail server's word about this mailbox.</summary>
    Server,
    /// <summary>This one message or recipient; others go on.</summary>
    Message,
}

/// <summary>A failure explained: the words for a person and the scope for the program.</summary>
/// <param name="NotBefore">How long the peer asked to be left alone; null when it said nothing.</param>
internal sealed record Diagnosis(Problem Problem, FaultScope Scope, TimeSpan? NotBefore = null)
{
    /// <summary>The mailbox has more connections than its server allows: fewer help, and nothing else is wrong.</summary>
    public bool OneConnectionTooMany { get; init; }

    /// <summary>The answer changes only when somebody acts: asking often would be hammering.</summary>
    public bool UntilMended => Scope is FaultScope.Application or FaultScope.Account || !Problem.RetriesByItself;

    /// <summary>Equal for all servers that one deed mends.</summary>
    public IncidentCause CauseFor(ServerTies server) => server.CauseOf(Scope switch
    {
        FaultScope.Application => IncidentAbout.Application,
        FaultScope.Account => IncidentAbout.Account,
        FaultScope.Tenant => IncidentAbout.Tenant,
        FaultScope.Passing => IncidentAbout.SignIn,
        FaultScope.Host => IncidentAbout.Host,
        _ => IncidentAbout.Mailbox,
    }, Problem.Code);
}
