using Postrider.Mail;
using Postrider.Settings;

namespace Postrider.OutgoingServers;

/// <summary>A server of a case. <c>kind</c> <c>outlook</c>: the envelope sender is the sender too, as Exchange demands.</summary>
/// <param name="Owner">Whose own server it is; null: everybody's.</param>
/// <param name="Refused">Senders that it refused before, because its account may not send as them.</param>
internal sealed record ChoiceCaseServer(string Name, string? FromFilter, int Sequence = 10, bool Active = true, string? Owner = null, string? Kind = null, IReadOnlyList<string?>? Refused = null)
{
    public IReadOnlyDictionary<EmailAddress, SendAsFact> SendAs => (Refused ?? [])
        .Select(address => EmailAddress.TryParse(address, out var read) ? read : null).OfType<EmailAddress>().Distinct()
        .ToDictionary(address => address, _ => new SendAsFact(Allowed: false, DateTimeOffset.UnixEpoch, null));
}

/// <summary>A question to <see cref="ServerChoice"/> that brings its own settings: <c>postrider explain outgoing --batch</c>.</summary>
/// <param name="Parameters">System parameters by key; those that play no part are passed over. <c>mass_mailing.mail_server_id</c> is a server's name here.</param>
/// <param name="From">As in the header field.</param>
/// <param name="Creator">The user who made the mail, by any name that <see cref="ChoiceCaseServer.Owner"/> uses too; null: the system.</param>
/// <param name="ForcedServer">By name.</param>
/// <param name="EnvelopeOverride">The envelope sender that the mail itself asks for.</param>
/// <param name="Mailing">It is marked as a mailing.</param>
internal sealed record ChoiceCase(string Id, IReadOnlyDictionary<string, string?>? Parameters, IReadOnlyList<ChoiceCaseServer>? Servers, string? From, string? Creator = null, string? ForcedServer = null, string? EnvelopeOverride = null, bool Mailing = false)
{
    public ChoiceAnswer Answer()
    {
        var from = AddressList.Parse(From).Addresses;
        if (from is not [var author, ..]) return ChoiceAnswer.Of(Id, "from-invalid", "From holds no address.");
        EmailAddress? asked = null;
        if (EnvelopeOverride is { Length: > 0 } && (AddressList.Parse(EnvelopeOverride).Addresses is not [var only] || (asked = only.Address) is null))
            return ChoiceAnswer.Of(Id, "envelope-invalid", "The envelope sender asked for is not one address.");

        var candidates = (Servers ?? []).Select((server, i) => new ServerCandidate(
            new OutgoingServerId(IdOf(i)), server.Name, FromFilter.Parse(server.FromFilter), server.Sequence, server.Active, server.Owner is null ? null : UserOf(server.Owner),
            EnvelopeIsSender: string.Equals(server.Kind, "outlook", StringComparison.OrdinalIgnoreCase)) { SendAs = server.SendAs }).ToList();
        OutgoingServerId Named(string name) => candidates.Find(candidate => candidate.Name == name)?.Id ?? new OutgoingServerId(Guid.Empty);
        string? Parameter(string key) => Parameters?.GetValueOrDefault(key) is { Length: > 0 } value ? value : null;
        var domain = Parameter(KnownParameter.CatchallDomain);
        var question = new ServerQuestion(
            author, candidates, OwnAddress.Of(Parameter(KnownParameter.DefaultFrom), domain), OwnAddress.Of(Parameter(KnownParameter.BounceAlias), domain),
            Creator is null ? null : UserOf(Creator), ForcedServer is null ? null : Named(ForcedServer), asked)
        {
            SeveralSenders = from.Count > 1,
            Mailing = Mailing,
            MailingServer = KnownParameter.IsTrue(Parameter(KnownParameter.DedicatedServer)) && Parameter(KnownParameter.DedicatedServerId) is { } dedicated ? Named(dedicated) : null,
            PersonalServersDisabled = KnownParameter.IsTrue(Parameter(KnownParameter.DisablePersonalServers)),
        };
        return ChoiceAnswer.Of(Id, ServerChoice.Decide(question), author);
    }

    // Places among the servers and users as ids: a case names both freely.
    private static Guid IdOf(int place) => new(place + 1, 0, 0, new byte[8]);

    private Guid UserOf(string name)
    {
        var names = (Servers ?? []).Select(server => server.Owner).OfType<string>().ToList();
        var place = names.IndexOf(name);
        return IdOf(place < 0 ? names.Count : place);
    }
}

/// <param name="Server">Null: none can take the mail; see <see cref="Error"/>.</param>
/// <param name="Error">The problem's code; null when a server was chosen.</param>
internal sealed record ChoiceAnswer(string? Id, string? Server, ServerRule Rule, string? SmtpFrom, string? HeaderFrom, string? EnvelopeFrom, bool Rewritten, string Explanation, IReadOnlyList<string> Steps, string? Warning, string? Error)
{
    public static ChoiceAnswer Of(string? id, string error, string explanation) => new(id, null, ServerRule.None, null, null, null, false, explanation, [explanation], null, error);

    public static ChoiceAnswer Of(string id, ServerDecision decision, NamedAddress from) => decision.Server is null
        ? Of(id, decision.Problem!.Code, decision.Explanation) with { Steps = Texts(decision) }
        : new(id, decision.Server.Name, decision.Rule, decision.SmtpFrom.ToString(), decision.HeaderFrom.ToString(), decision.EnvelopeFrom.ToString(), decision.Rewritten(from), decision.Explanation, Texts(decision), decision.Warning, null);

    private static List<string> Texts(ServerDecision decision) => [.. decision.Steps.Select(step => step.Text)];
}
