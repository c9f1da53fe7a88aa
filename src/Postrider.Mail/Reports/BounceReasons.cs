namespace Postrider.Mail.Reports;

/// <summary>Why a mail did not arrive, as far as it concerns who can do something about it.</summary>
public enum BounceReason
{
    /// <summary>It did arrive.</summary>
    None,
    /// <summary>The report does not say, or says it in words that are not known.</summary>
    Unknown,
    MailboxUnknown,
    MailboxFull,
    /// <summary>Disabled, suspended, locked, expired.</summary>
    MailboxDisabled,
    /// <summary>The recipient has moved.</summary>
    Moved,
    /// <summary>The recipient, or a rule of the recipient's, does not want it.</summary>
    Filtered,
    /// <summary>The domain or its mail server is unknown.</summary>
    HostUnknown,
    /// <summary>The domain takes no mail.</summary>
    NotAccepting,
    /// <summary>No connection, DNS trouble, routing loops.</summary>
    Network,
    /// <summary>Tried long enough.</summary>
    Expired,
    /// <summary>The sending host's address is not wanted: lists, missing reverse DNS, reputation.</summary>
    Blocked,
    /// <summary>Too much or too fast.</summary>
    RateLimited,
    /// <summary>SPF, DKIM or DMARC did not hold.</summary>
    Authentication,
    /// <summary>A rule of the receiving organisation.</summary>
    Policy,
    /// <summary>Sign-in or encryption is missing.</summary>
    Security,
    RelayDenied,
    /// <summary>The sender's address was refused.</summary>
    SenderRejected,
    Spam,
    Virus,
    /// <summary>Form or content of the message was refused.</summary>
    Content,
    TooLarge,
    /// <summary>The receiving system is broken or set up wrongly.</summary>
    System,
    SystemFull,
    /// <summary>A recipient complained (feedback).</summary>
    Complaint,
}

/// <summary>Words of mail servers, each to its reason: the first that occurs in what was said counts; where no words are known, the status code decides.</summary>
internal static class BounceReasons
{
    private static readonly (BounceReason Reason, string[] Phrases)[] Known =
    [
        (BounceReason.Authentication, ["dmarc", "spf fail", "spf check", "spf validation", "dkim", "sender id ", "unauthenticated email", "authentication-results", "authentication failed", "sender policy framework", "not authorized to send mail from", "spf record", "spf: ", " spf "]),
        (BounceReason.Blocked, ["reverse dns", "ptr record", "rdns", "no ptr", "fcrdns", "unverifyable sending", "reverse lookup", "cannot resolve your", "cannot find your hostname", "client host rejected: cannot find", "reverse hostname", "ip name lookup", "dynamic ip"]),
        (BounceReason.Virus, ["virus", "malware", "trojan", "infected", "worm "]),
        (BounceReason.MailboxFull, ["mailbox full", "mailbox is full", "over quota", "overquota", "quota exceeded", "exceeded storage", "quota is exceeded", "exceeded the local limit", "exceeded their quota", "out of disk quota", "mailbox size limit", "insufficient disk quota", "disk full", "disk quota", "mailfolder is full", "account is exceeding", "exceeds allowed quota", "mailbox exceed", "user is overquota", "storage allocation", "boite du destinataire pleine", "has exceeded", "maildir over", "too much mail data", "mbox would exceed", "not enough storage space", "inbox is out of storage", "inbox is full", "quota violation", "message would exceed quota", "user has too many messages", "mailbox has exceeded", "full mailbox", "mailbox exceeds", "storage quota", "quota for the recipient", "speicherplatz", "quota full", "over the maximum allowed mailbox size"]),
        (BounceReason.TooLarge, ["message too big", "message size exceeds", "message too large", "exceeds maximum", "size limit", "message header size", "exceeded maximum inbound message size", "larger than the current system limit", "message file too big", "message exceeds", "exceeding the size", "too large to send", "max message size"]),
        (BounceReason.Spam, ["spam detected", "- spam", "considered spam", "classified as spam", "detected as spam", "as spam", "spam content", "spam message", "looks like spam", "likely spam", "spamassassin", "spam score", "unsolicited mail", "spam filter", "junk mail", "rejected as spam", "bulk mail", "blacklisted url", "spammy", "spam detection"]),
        (BounceReason.MailboxDisabled, ["account is disabled", "account disabled", "mailbox disabled", "account has been disabled", "account is locked", "suspended", "account inactive", "inactive account", "inactive user", "mailbox is inactive", "temporarily disabled", "temporary locked", "account is blocked", "is inactive", "account is unavailable", "mailbox currently suspended", "no longer available", "user not active", "account closed", "account has been suspended", "recipient suspend", "not available", "disabled mailbox", "mailbox is frozen", "email account that you tried to reach is disabled", "mailbox unavailable or access denied", "is not accepting mail", "boite du destinataire archivee", "expired account", "recipient is temporarily unavailable"]),
        (BounceReason.Moved, ["has moved", "recipient has moved", "user has moved", "has been replaced by", "user not local; please try"]),
        (BounceReason.RelayDenied, ["relaying denied", "relay access denied", "not permitted to relay", "relay not permitted", "no relaying", "relaying not allowed", "relay denied", "unable to relay", "relay prohibited", "we do not relay", "relaying is prohibited", "not a gateway", "open relay", "that domain isn't in my list of allowed rcpthosts", "domain isn't in my list"]),
        (BounceReason.RateLimited, ["too many connections", "too many concurrent", "too many messages", "too many recipients", "rate limit", "rate of", "throttl", "unexpected volume", "unusual rate", "relay quota", "concurrency limit", "connection rate", "sending limit", "daily", "hourly", "too fast", "slow down", "over its limit", "deferred due to", "too many invalid", "maximum number of messages", "exceeded the limit"]),
        (BounceReason.Expired, ["queued too long", "retry timeout", "retry time not reached", "delivery time expired", "delivery expired", "giving up", "failed for the last", "could not be delivered for", "not delivered within", "have been failing for a long time", "did not accept our requests to connect", "unable to deliver message after multiple retries", "message expired", "delivery failed 20 attempts", "delay in the delivery", "been queued too long", "delivery timed out", "maximum time", "expired", "could not be completed within the allowed time", "for the last", "4.4.7", "not yet been delivered", "could not deliver for", "was undeliverable after", "time-out"]),
        (BounceReason.HostUnknown, ["host unknown", "unknown host", "host not found", "domain not found", "domain does not exist", "no such domain", "name or service not known", "nxdomain", "unrouteable mail domain", "unrouteable address", "unroutable domain", "recipient domain must exist", "no mx record", "no mx ", "domain is not reachable", "dns lookup failure", "cannot resolve", "could not resolve", "no such host", "mail domain mentioned in email address is unknown", "domain must resolve", "not found: domain", "unknown mail host", "invalid domain name", "host or domain name not found", "addressing error", "does not like recipient's domain"]),
        (BounceReason.NotAccepting, ["not accepting network messages", "does not accept mail", "null mx", "nullmx", "no mail exchanger", "couldn't find a mail exchanger", "mx points to", "no mail is accepted", "does not accept e-mail", "delivery not allowed", "smtp protocol returned a permanent error", "is not accepting connections", "host does not receive", "does not accept any mail", "name server: .: host not found", "only sends mail"]),
        (BounceReason.SenderRejected, ["sender rejected", "sender address", "invalid sender", "sender domain", "sender was rejected", "unroutable sender", "sender verify", "mail from domain", "not a member", "not member", "envelope sender", "sender's address", "domain of sender", "unable to verify sender", "backscatter", "return path", "badly formed sender", "empty envelope senders", "domain of your sender", "sender is not", "mail not accepted from", "sender unknown", "from address"]),
        (BounceReason.Content, ["blocked because its content", "content presents"]),
        (BounceReason.Spam, [", ube,", "ube, id"]),
        (BounceReason.Blocked, ["blocked", "mismatches client ip", "blacklist", "blocklist", "black list", "block list", "block-list", "rbl", "dnsbl", "spamhaus", "spamcop", "barracuda", "access denied", "banned", "bad reputation", "poor reputation", "reputation", "client host", "ip address", "ip range", "weren't sent", "not allowed to send", "my name was rejected", "refused to talk to me", "your host", "your ip", "please use the smtp server of your isp", "helo", "senderbase", "host refused", "connection refused by", "connecting ip", "rejected because", "sorry, your helo", "connection denied", "hosts are not allowed", "unsolicited"]),
        (BounceReason.MailboxUnknown, ["user unknown", "unknown user", "no such user", "no such mailbox", "mailbox not found", "recipient not found", "no mailbox here", "does not exist", "doesn't exist", "unknown recipient", "recipient unknown", "unknown local", "invalid recipient", "invalid mailbox", "user not found", "userid", "no valid recipients", "not a valid", "no such recipient", "no such address", "unknown address", "address unknown", "unknown or illegal alias", "mailbox unavailable", "account not found", "no such account", "no account", "unknown account", "not listed in", "couldn't be found", "wasn't found", "could not be found", "was not found", "not recognized", "not our customer", "nosuchuser", "bad destination", "no user by that name", "not known", "bad address", "name is not", "undeliverable address", "user doesn't", "invalid user", "unrouteable", "is not a known user", "user is unknown", "unknown email", "delivery to the following address", "user (", "no such person", "nicht gefunden", "inconnu", "no local mailbox", "destinatario", "recipientnotfound", "resolver.adr", "not exist", "does not have an account", "isn't a valid", "invalid address", "mailbox does not", "local delivery failed", "address not", "recipnotfound"]),
        (BounceReason.Network, ["connection timed out", "connection refused", "network is unreachable", "no route to host", "name service error", "unable to contact", "could not connect", "connection reset", "lost connection", "connection lost", "connection dropped", "could not be reached", "loops back to myself", "too many hops", "mail loop", "routing loop", "hop count", "timed out", "unreachable", "network error", "host is not responding", "couldn't find any host", "conversation with", "malformed name server reply", "temporary name lookup", "dns ", "loop", "local configuration error"]),
        (BounceReason.Policy, ["policy", "prohibited", "administrative", "administrator", "not permitted", "restricted", "unacceptable", "forbidden", "compliance", "local policies", "security polic", "for policy reasons"]),
        (BounceReason.Security, ["authentication required", "must issue a starttls", "authorization", "not authorized", "encryption", "tls required", "security", "not authenticated", "access to this mail system", "must authenticate", "not authorized", "unauthenticated senders", "unauthorized"]),
        (BounceReason.Content, ["content", "potential", "attachment", "malformed", "header", "mime", "rfc 5322", "rfc5322", "rfc 2822", "not compliant", "bare lf", "duplicate", "message-id", "line too long", "8bit", "improper use", "message filtered", "message was rejected", "syntax"]),
        (BounceReason.SystemFull, ["insufficient system", "system storage", "out of space", "no space left", "system resources"]),
        (BounceReason.Filtered, ["filter", "rejected by the recipient", "refused by recipient", "because the recipient", "does not want", "domain filter", "was rejected by a remote", "is not accepting", "we do not accept", "message refused", "recipient refused", "rejected by user", "5.2.1", "recipient only accepts"]),
        (BounceReason.System, ["system error", "internal error", "internal server", "local error", "mailer error", "mailer", "configuration error", "service unavailable", "can't create", "permission", "i/o error", "ldap", "server error", "command died", "pipe to", "procmail", "unexpected", "internal", "out of memory", "cannot open", "temporary failure", "try again later", "temporary error", "error"]),
    ];

    // Said of anything: only where nothing else is known.
    private static readonly string[] RefusedRecipient = ["recipient address", "address rejected", "recipient rejected"];

    // By the first two digits where the whole is not told apart (RFC 3463 sections 3.2 to 3.8, and the registry's later ones).
    private static readonly Dictionary<string, BounceReason> ByStatus = new(StringComparer.Ordinal)
    {
        ["1.1"] = BounceReason.MailboxUnknown, ["1.2"] = BounceReason.HostUnknown, ["1.3"] = BounceReason.MailboxUnknown, ["1.0"] = BounceReason.MailboxUnknown, ["1.6"] = BounceReason.Moved, ["1.7"] = BounceReason.SenderRejected, ["1.8"] = BounceReason.SenderRejected, ["1.10"] = BounceReason.MailboxUnknown,
        ["2.0"] = BounceReason.Filtered, ["2.1"] = BounceReason.MailboxDisabled, ["2.2"] = BounceReason.MailboxFull, ["2.3"] = BounceReason.TooLarge, ["2.4"] = BounceReason.Filtered,
        ["3.0"] = BounceReason.System, ["3.1"] = BounceReason.SystemFull, ["3.2"] = BounceReason.NotAccepting, ["3.3"] = BounceReason.System, ["3.4"] = BounceReason.TooLarge, ["3.5"] = BounceReason.System,
        ["4.1"] = BounceReason.Expired, ["4.2"] = BounceReason.Network, ["4.3"] = BounceReason.System, ["4.4"] = BounceReason.HostUnknown, ["4.5"] = BounceReason.RateLimited, ["4.6"] = BounceReason.Network, ["4.7"] = BounceReason.Expired, ["4.14"] = BounceReason.Network,
        ["5.3"] = BounceReason.RateLimited, ["5.0"] = BounceReason.System, ["5.2"] = BounceReason.System, ["5.4"] = BounceReason.System,
        ["6.0"] = BounceReason.Content, ["6.1"] = BounceReason.Content, ["6.3"] = BounceReason.Content, ["6.9"] = BounceReason.Content, ["6.11"] = BounceReason.Content,
        ["7.0"] = BounceReason.Policy, ["7.1"] = BounceReason.Policy, ["7.2"] = BounceReason.Policy, ["7.7"] = BounceReason.Content, ["7.8"] = BounceReason.Security, ["7.9"] = BounceReason.Authentication, ["7.20"] = BounceReason.Authentication,
        ["7.23"] = BounceReason.Authentication, ["7.25"] = BounceReason.Blocked, ["7.26"] = BounceReason.Authentication, ["7.27"] = BounceReason.NotAccepting, ["7.28"] = BounceReason.RateLimited, ["7.509"] = BounceReason.Authentication, ["7.606"] = BounceReason.Blocked,
        ["7.54"] = BounceReason.RelayDenied, ["7.64"] = BounceReason.RelayDenied, ["7.57"] = BounceReason.Security, ["7.60"] = BounceReason.SenderRejected, ["7.124"] = BounceReason.Policy, ["7.133"] = BounceReason.Policy, ["7.501"] = BounceReason.Blocked, ["7.503"] = BounceReason.Blocked, ["7.511"] = BounceReason.Blocked, ["7.705"] = BounceReason.RateLimited, ["7.708"] = BounceReason.Blocked, ["7.750"] = BounceReason.RateLimited,
    };

    // These say it by themselves, whatever words stand beside them.
    private static readonly HashSet<string> Sure = new(StringComparer.Ordinal)
    {
        "1.1", "1.2", "1.10", "2.2", "3.4", "4.7", "1.6", "1.7", "1.8", "7.25", "7.26", "7.509", "7.606", "4.14", "2.3",
    };

    /// <param name="said">What was said of the recipient; null when nothing was.</param>
    /// <param name="otherwise">Words to look at when these say nothing.</param>
    public static BounceReason Of(string? said, string? status, int? reply, string? otherwise)
    {
        var digits = status is { Length: > 2 } ? status[2..] : null;
        var words = Phrase(said);
        if (digits is not null && Sure.Contains(digits) && ByStatus.TryGetValue(digits, out var sure))
            // "5.1.1" is also what many say to anything; a mailbox that is disabled or full they name.
            return digits == "1.1" && words is BounceReason.MailboxFull or BounceReason.MailboxDisabled or BounceReason.Authentication or BounceReason.Spam or BounceReason.RelayDenied ? words : sure;
        if (words is not (BounceReason.Unknown or BounceReason.System)) return words;
        if (digits is not null && ByStatus.TryGetValue(digits, out var known)) return known;
        if (words != BounceReason.Unknown) return words;
        if (said != otherwise && Phrase(otherwise) is not BounceReason.Unknown and var general) return general;
        return reply switch { 550 or 551 or 553 => BounceReason.MailboxUnknown, 552 => BounceReason.MailboxFull, 421 => BounceReason.RateLimited, _ => BounceReason.Unknown };
    }

    private static BounceReason Phrase(string? said)
    {
        const int Looked = 8000;
        if (string.IsNullOrEmpty(said)) return BounceReason.Unknown;
        var lower = string.Join(' ', (said.Length > Looked ? said[..Looked] : said).ToLowerInvariant().Split((char[])[' ', '\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries));
        foreach (var (reason, phrases) in Known)
            foreach (var phrase in phrases) if (lower.Contains(phrase, StringComparison.Ordinal)) return reason;
        return RefusedRecipient.Any(phrase => lower.Contains(phrase, StringComparison.Ordinal)) ? BounceReason.MailboxUnknown : BounceReason.Unknown;
    }
}
