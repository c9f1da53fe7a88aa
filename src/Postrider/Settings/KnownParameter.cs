using System.Globalization;
using Postrider.Mail;
using Postrider.Web;

namespace Postrider.Settings;

/// <summary>A system parameter the hub understands: what it does, and which values it takes. Other keys may be stored, and do nothing.</summary>
/// <param name="Does">One sentence, shown beside the field.</param>
/// <param name="Expected">What a value looks like, for the remedy: <c>an address such as https://hub.example.com</c>.</param>
internal sealed record KnownParameter(string Key, string Does, string Expected, Func<string, bool> Admits)
{
    public const string BaseUrl = "web.base.url";
    public const string BaseUrlFreeze = "web.base.url.freeze";
    public const string DefaultFrom = "mail.default.from";
    public const string CatchallDomain = "mail.catchall.domain";
    public const string CatchallAlias = "mail.catchall.alias";
    public const string BounceAlias = "mail.bounce.alias";
    public const string CatchallDomainAllowed = "mail.catchall.domain.allowed";
    public const string ReplyPlusAddressing = "mail.reply.plus_addressing";
    public const string LoopMinutes = "mail.gateway.loop.minutes";
    public const string LoopThreshold = "mail.gateway.loop.threshold";
    public const string LoopAllowed = "mail.gateway.allowed";
    public const string AuthenticationServers = "mail.authentication.servers";
    public const string MaxMessageMegabytes = "mail.max_message_megabytes";
    public const string DefaultMaxEmailSize = "base.default_max_email_size";
    public const string MaxFilesMegabytes = "postrider.max_files_megabytes";
    public const string DownloadLinkDays = "postrider.download_link_days";
    public const string OutlookEndpoint = "microsoft_outlook.endpoint";
    public const string DisablePersonalServers = "mail.disable_personal_mail_servers";
    public const string AlertRecipients = "postrider.alert.recipients";
    public const string AlertDisabled = "postrider.alert.disabled";
    public const string TrustedSubmitters = "submission.trusted_networks";
    public const string CustomEmailServers = "base_setup.default_external_email_server";
    public const string DedicatedServer = "mass_mailing.outgoing_mail_server";
    public const string DedicatedServerId = "mass_mailing.mail_server_id";

    /// <summary>In the order of the page.</summary>
    public static IReadOnlyList<KnownParameter> All { get; } =
    [
        new(BaseUrl, "The address under which people and Microsoft reach the hub; the redirect URL begins with it.", "an address with its scheme and without a slash at the end, such as https://hub.example.com", IsBaseUrl),
        new(BaseUrlFreeze, "Keeps web.base.url as it is, whatever address an administrator signs in from.", "True or False", IsTruth),
        new(DefaultFrom, "The sender of notifications: the part before the @, or a whole address.", "a local part such as notifications, or an address", value => IsLocalPart(value) || EmailAddress.TryParse(value, out _)),
        new(CatchallDomain, "The domain of the hub's own addresses.", "a domain such as example.com", IsDomain),
        new(CatchallAlias, "The part before the @ of the address that takes answers.", "a local part such as catchall", IsLocalPart),
        new(BounceAlias, "The part before the @ of the address that takes delivery failures.", "a local part such as bounce", IsLocalPart),
        new(CatchallDomainAllowed, "Where aliases without a domain of their own take mail, besides mail.catchall.domain and the domains of the other aliases. Empty: on every domain.", "domains with commas between them", IsDomainList),
        new(ReplyPlusAddressing, "Answers to conversations come to an address with a signed token behind a plus, so that they find their conversation whatever becomes of the Message-ID: at mail.catchall.alias where it is set, else at the mailbox that sends. That mailbox must take plus addresses; Exchange Online does unless it was switched off.", "True or False", IsTruth),
        new(LoopMinutes, "Within so many minutes mail.gateway.loop.threshold messages of one sender count as a loop. Empty: 120.", "a whole number of minutes from 1 to 10080", value => IsNumber(value, 1, 10_080)),
        new(LoopThreshold, "So many new conversations of one sender in an inbox, or messages in one conversation, count as a loop: the next ones wait in Quarantine. Empty: 20.", "a whole number from 1 to 100000", value => IsNumber(value, 1, 100_000)),
        new(LoopAllowed, "Senders that may write as much as they want: monitoring, order systems.", "addresses with commas between them", IsAddressList),
        new(AuthenticationServers, "Mail servers, besides Exchange Online, whose Authentication-Results are believed when they stand on top of a message: the name that such a field begins with.", "host names with commas between them, such as mx.example.com", IsDomainList),
        new(MaxMessageMegabytes, "The largest message that may be sent. Exchange Online takes up to 150; mailboxes begin with 35.", "a whole number of megabytes from 1 to 150", IsMegabytes),
        new(DefaultMaxEmailSize, "Megabytes of a mail over which its files go as download links, where its server names no other size. Empty: 10.", "a whole number of megabytes from 1 to 150", IsMegabytes),
        new(MaxFilesMegabytes, "Megabytes that the files of a mail may have together. What one mail does not take goes as download links. Empty: 100.", "a whole number of megabytes from 1 to 2000", value => IsNumber(value, 1, 2000)),
        new(DownloadLinkDays, "Days that a download link is good for. Empty: 30.", "a whole number of days from 1 to 365", value => IsNumber(value, 1, 365)),
        new(OutlookEndpoint, "Microsoft's sign-in address with its tenant. Empty: the one the hub was started with.", "an https address that ends in /oauth2/v2.0/, such as https://login.microsoftonline.com/common/oauth2/v2.0/", IsOutlookEndpoint),
        new(DisablePersonalServers, "Leaves servers that belong to a user out of the choice.", "True or False", IsTruth),
        new(AlertRecipients, "Who is written to when an incident needs somebody and lasts, or a client secret or certificate ends soon. Empty: every administrator.", "addresses with commas between them", IsAddressList),
        new(AlertDisabled, "Nobody is written to about incidents and what ends soon; the pages still show them.", "True or False", IsTruth),
        new(TrustedSubmitters, "Printers and other programs that may hand in mail by SMTP without signing in, by their addresses, each with a name to know them by.", "networks with a name each and commas between them, such as 192.0.2.10=Scanner, 198.51.100.0/24=Printers", value => TrustedNetworks.TryParse(value, out _)),
        new(CustomEmailServers, "Custom Email Servers in General Settings.", "True or False", IsTruth),
        new(DedicatedServer, "Dedicated Server in General Settings, Email Marketing: mailings go through a server of their own.", "True or False", IsTruth),
        new(DedicatedServerId, "The id of that server, as the address of its page shows it.", "the id of an outgoing mail server", value => Guid.TryParseExact(value, "D", out _)),
    ];

    public static KnownParameter? Find(string key) => All.FirstOrDefault(known => known.Key == key);

    public static bool IsTrue(string? value) => value is not null && (value.Equals("True", StringComparison.OrdinalIgnoreCase) || value == "1");

    /// <returns>Null when the key and value may be stored.</returns>
    public static Problem? Check(string key, string value)
    {
        if (!IsKey(key)) return SettingsProblems.KeyNotAllowed(key);
        if (value.Length > SystemParameters.MaxValueLength || value.Any(char.IsControl)) return SettingsProblems.ValueNotAllowed(key, SettingsTexts.ValueTooLong.With(SystemParameters.MaxValueLength));
        return Find(key) is { } known && value.Length > 0 && !known.Admits(value) ? SettingsProblems.ValueNotAllowed(key, known.Expected) : null;
    }

    /// <summary>Scheme and authority alone: a path, query or slash at the end would end up within the redirect URL, and Microsoft compares it to the byte.</summary>
    internal static bool IsBaseUrl(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
        && url.UserInfo.Length == 0 && !value.EndsWith('/') && url.AbsolutePath == "/" && url.Query.Length == 0 && url.Fragment.Length == 0 && !value.Contains('#', StringComparison.Ordinal) && !value.Contains('?', StringComparison.Ordinal);

    private static bool IsKey(string key) =>
        key.Length is > 0 and <= 100 && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    private static bool IsTruth(string value) => value is "True" or "False" or "true" or "false" or "1" or "0";

    private static bool IsMegabytes(string value) => IsNumber(value, 1, 150);

    private static bool IsNumber(string value, int from, int to) => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= from && number <= to;

    private static bool IsLocalPart(string value) => EmailAddress.TryParse(value + "@example.com", out var address) && address.LocalPart == value;

    private static bool IsDomain(string value) => value.Contains('.', StringComparison.Ordinal) && EmailAddress.TryParse("a@" + value, out var address) && address.LocalPart == "a" && !value.Contains('@', StringComparison.Ordinal);

    private static bool IsAddressList(string value) => AddressList.Parse(value) is { Addresses.Count: > 0 and <= 50, Defects.Count: 0 };

    private static bool IsDomainList(string value) =>
        value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } domains && domains.All(IsDomain);

    private static bool IsOutlookEndpoint(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var url) && (url.Scheme == "https" || (url.Scheme == "http" && url.IsLoopback)) && url.AbsolutePath.EndsWith("/oauth2/v2.0/", StringComparison.Ordinal);
}
