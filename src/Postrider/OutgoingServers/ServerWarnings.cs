using Postrider.Journal;
using Postrider.Mail;
using Postrider.Storage;

namespace Postrider.OutgoingServers;

/// <summary>A setting that will probably disappoint somebody. Nothing is refused because of it.</summary>
/// <param name="Server">Null: about all of them.</param>
/// <param name="Code">Stable: <c>filter-shared</c>.</param>
public sealed record ServerWarning(OutgoingServerId? Server, string Code, string What, string Remedy);

/// <summary>Looks for the mistakes people make with From Filters. Pure.</summary>
internal static class ServerWarnings
{
    private const int ShownAddresses = 5;

    /// <param name="defaultFrom"><c>{mail.default.from}@{mail.catchall.domain}</c>; null when not set.</param>
    /// <param name="dedicated"><em>Dedicated Server</em> of Email Marketing; null: none.</param>
    /// <param name="sendAs">What was seen of the senders each server's account may use.</param>
    public static IReadOnlyList<ServerWarning> Of(IReadOnlyList<OutgoingServer> servers, EmailAddress? defaultFrom, OutgoingServerId? dedicated, Func<OutgoingServerId, IReadOnlyDictionary<EmailAddress, SendAsFact>> sendAs, DateTimeOffset now)
    {
        var warnings = new List<ServerWarning>();
        var active = servers.Where(server => server.Active).Select(server => (Server: server, Filter: server.Senders)).ToList();
        var common = active.Where(one => one.Server.Owner is null && one.Server.Id != dedicated).ToList();

        if (dedicated is { } mailings && active.TrueForAll(one => one.Server.Id != mailings))
        {
            var archived = servers.FirstOrDefault(server => server.Id == mailings);
            warnings.Add(new(archived?.Id, "dedicated-server-gone", archived is null ? "The Dedicated Server of Email Marketing does not exist, so every mailing is refused." : $"“{archived.Name}” is the Dedicated Server of Email Marketing and is archived, so every mailing is refused.",
                archived is null ? "Choose another one in General Settings, Email Marketing." : "Activate it, or choose another one in General Settings, Email Marketing."));
        }

        foreach (var (server, _) in active)
            if (OfCertificate(server, now) is { } ends) warnings.Add(ends);

        if (common.Count > 0 && defaultFrom is null)
            warnings.Add(new(null, "default-from-not-set", "No default sender is set, so a sender without a server of its own keeps the address, and the server that is asked may refuse it.", "Set the system parameters mail.default.from and mail.catchall.domain."));
        else if (common.Count > 0 && defaultFrom is not null && !common.Exists(one => one.Filter.Admits(defaultFrom)))
            warnings.Add(new(null, "default-from-without-server", $"No server is meant for the default sender {defaultFrom}, so mail from senders without a server of their own goes through the first server, which may refuse it.", $"Write {defaultFrom} into the From Filter of the server that sends notifications."));

        if (defaultFrom is not null && active.Find(one => one.Server.Owner is not null && one.Filter.HasAddress(defaultFrom)).Server is { } personal)
            warnings.Add(new(personal.Id, "default-from-is-personal", $"The default sender {defaultFrom} is the address of “{personal.Name}”, which belongs to a user: what others send under it never goes through that mailbox.", "Choose another default sender (mail.default.from), or make a server for it that belongs to nobody."));

        foreach (var (server, filter) in active)
        {
            if (filter.IsEmpty && server.Id != dedicated)
                warnings.Add(new(server.Id, "filter-empty", $"“{server.Name}” has no From Filter: it takes what no other server takes, under the default sender.", "Write its senders into the From Filter; or choose it as Dedicated Server in General Settings, Email Marketing, if it is for mailings."));
            warnings.AddRange(OfAccount(server, filter, sendAs(server.Id)));
        }

        // The dedicated server gives way to others, and a person's own server is nobody else's: those two may say what another says.
        foreach (var entry in common.SelectMany(one => Entries(one.Filter).Select(entry => (Entry: entry, one.Server))).GroupBy(pair => pair.Entry, pair => pair.Server))
        {
            var sharers = entry.DistinctBy(server => server.Id).ToList();
            foreach (var later in sharers.Skip(1))
                warnings.Add(new(later.Id, "filter-shared", $"The From Filters of “{sharers[0].Name}” and “{later.Name}” both name {entry.Key}: “{sharers[0].Name}” comes first, and “{later.Name}” never sends for it.", "Take it out of one of the two."));
        }

        return warnings;
    }

    private static IEnumerable<ServerWarning> OfAccount(OutgoingServer server, FromFilter filter, IReadOnlyDictionary<EmailAddress, SendAsFact> seen)
    {
        if (filter.IsEmpty) yield break;
        foreach (var (address, fact) in seen.Where(pair => !pair.Value.Allowed && filter.Admits(pair.Key)).OrderBy(pair => pair.Key.Normalized, StringComparer.Ordinal).Take(ShownAddresses))
            yield return new(server.Id, "filter-admits-refused-sender", $"The From Filter of “{server.Name}” admits {address}, but its account may not send as it (refused {fact.SeenAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC).",
                "Take it out of the From Filter; or give the account Send As rights on that mailbox and press Test Connection.");
        if (server.Kind != ServerKind.Outlook || server.Mailbox is not { } mailbox) yield break;
        var open = filter.Addresses.Where(address => !address.Equals(mailbox) && !seen.ContainsKey(address)).Select(address => address.ToString()).Concat(filter.Domains.Select(domain => $"everybody at {domain}")).ToList();
        if (open.Count > 0)
            yield return new(server.Id, "filter-wider-than-mailbox", $"The From Filter of “{server.Name}” admits {string.Join(", ", open.Take(ShownAddresses))}{(open.Count > ShownAddresses ? ", …" : "")}; the mailbox is {mailbox}. Exchange refuses senders on whose mailbox the account has no Send As rights.",
                $"Write {mailbox} alone, or make sure of the rights. A sender that was refused once is not tried again.");
    }

    private static IEnumerable<string> Entries(FromFilter filter) => filter.Addresses.Select(address => address.Normalized).Concat(filter.Domains);

    /// <returns>Null when the server has none, or one that is good for long.</returns>
    public static ServerWarning? OfCertificate(OutgoingServer server, DateTimeOffset now) =>
        OutgoingServersProblems.CertificateEnd(server, now) is { } end ? new(server.Id, end.Code, $"{end.What} {end.Detail}", end.Remedy) : null;
}

/// <summary>Client certificates end.</summary>
internal sealed class CertificateEndings(OutgoingServerStore servers) : IEndings
{
    public IEnumerable<Ending> Of(HubReader reader) => servers.Roster(reader).Where(server => server is { Active: true, Certificate: not null })
        .Select(server => (Server: server, Problem: OutgoingServersProblems.CertificateEnd(server, reader.Now))).Where(one => one.Problem is not null)
        .Select(one => new Ending($"server-certificate:{one.Server.Id.Value:D}", OutgoingServersProblems.CertificateOf(one.Server.Name), one.Server.Certificate!.EndsAt, one.Server.Certificate.EndsAt <= reader.Now, one.Problem!, new(one.Server.Name, OutgoingServersFeature.PagePath(one.Server.Id))));
}
