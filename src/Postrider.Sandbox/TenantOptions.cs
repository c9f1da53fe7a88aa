using System.Net;
using Postrider.Mail;

namespace Postrider.Sandbox;

/// <summary>How a sandbox is started. A port of 0 takes a free one.</summary>
public sealed record TenantOptions
{
    /// <summary>Where the directory, the authority and the mailboxes are kept; null: in memory, gone at the end.</summary>
    public string? Folder { get; init; }
    /// <summary>Loopback unless told otherwise: the sandbox's passwords are known to everybody.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;
    public int HttpPort { get; init; }
    public int HttpsPort { get; init; }
    public int SmtpPort { get; init; }
    public int ImapPort { get; init; }
    /// <summary>The tenant's time: tokens, secrets, messages. Certificates and the wire's own timeouts use real time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    /// <summary>Where Exchange lets a client wait, move <see cref="Clock"/> ahead by the wait and answer at once.</summary>
    public bool SkipWaits { get; init; }
    /// <summary>Begin with the tenant Meadow Bakery and a personal account, when the folder holds no directory yet.</summary>
    public bool Seed { get; init; } = true;
    /// <summary>Warnings and errors go to the console; as a part of another program the sandbox is silent.</summary>
    public bool LogToConsole { get; init; }
    /// <summary>Hears what is said at the IMAP door, the lines of all sessions as they come; null: nobody does.</summary>
    public WireTranscript? ImapTranscript { get; init; }
    /// <summary>Where chance that is no secret comes from, such as the life of an access token.</summary>
    public int Chance { get; init; } = 365;
}
