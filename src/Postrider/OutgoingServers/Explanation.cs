using System.Globalization;
using System.Text.Json;
using Postrider.Mail;
using Postrider.Storage;
using Postrider.Users;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <summary>What a person or program asks the simulator, as it stands in the address.</summary>
/// <param name="From">As in the header field; null: nothing is asked.</param>
/// <param name="User">Id or e-mail of the user who makes the mail; null or empty: the system.</param>
/// <param name="Server">Id of a forced server; null or empty: the hub chooses.</param>
internal sealed record ExplainQuery(string? From, string? User, bool Mailing, string? Server, string? EnvelopeFrom);

/// <summary>What would be decided: nothing is stored and nothing is sent. Problem: the question cannot be read, and there is no decision.</summary>
internal sealed record Explanation(NamedAddress? From, ServerDecision? Decision, Problem? Problem);

/// <summary>A step of an explanation.</summary>
/// <param name="Rule">As in <c>rule</c>; null: about the sender, the envelope or the mail itself.</param>
internal sealed record ExplainStepAnswer(string? Rule, bool Decides, string Text);

/// <param name="Server">Null: none can take the mail; see <see cref="Problem"/>.</param>
internal sealed record ExplainAnswer(Guid? Server, string? ServerName, string Rule, string? SmtpFrom, string? HeaderFrom, string? EnvelopeFrom, bool Rewritten, IReadOnlyList<ExplainStepAnswer> Steps, string? Warning, Problem? Problem)
{
    public static ExplainAnswer Of(NamedAddress from, ServerDecision decision) => new(
        decision.Server?.Id.Value, decision.Server?.Name, Word(decision.Rule), decision.Server is null ? null : decision.SmtpFrom.ToString(), decision.Server is null ? null : decision.HeaderFrom.ToString(),
        decision.Server is null ? null : decision.EnvelopeFrom.ToString(), decision.Rewritten(from), [.. decision.Steps.Select(step => new ExplainStepAnswer(step.Rule is { } rule ? Word(rule) : null, step.Decides, step.Text))],
        decision.Warning, decision.Problem);

    public static string Word(ServerRule rule) => JsonNamingPolicy.KebabCaseLower.ConvertName(rule.ToString());
}

/// <summary>The simulator, for page and API.</summary>
internal sealed class Explainer(HubDatabase database, ServerChooser chooser)
{
    public async Task<Explanation> AskAsync(ExplainQuery query, CancellationToken cancellationToken)
    {
        var from = AddressList.Parse(query.From).Addresses;
        if (from is not [var author, ..]) return new(null, null, OutgoingServersProblems.ExplainUnreadable("from", "ann@example.com or Ann <ann@example.com>"));
        Guid? creator = null;
        if (!string.IsNullOrWhiteSpace(query.User))
        {
            var person = await database.ReadAsync(reader => Guid.TryParse(query.User, out var id) ? PersonStore.Find(reader, id) : PersonStore.FindByEmail(reader, query.User.Trim()), cancellationToken);
            if (person is null) return new(null, null, OutgoingServersProblems.ExplainUnreadable("user", "the id or the e-mail address of a user"));
            creator = person.Id;
        }

        OutgoingServerId? forced = null;
        if (!string.IsNullOrWhiteSpace(query.Server))
        {
            if (!Guid.TryParse(query.Server, CultureInfo.InvariantCulture, out var id)) return new(null, null, OutgoingServersProblems.ExplainUnreadable("server", "the id of an outgoing mail server"));
            forced = new(id);
        }

        EmailAddress? envelope = null;
        if (!string.IsNullOrWhiteSpace(query.EnvelopeFrom) && !EmailAddress.TryParse(query.EnvelopeFrom, out envelope)) return new(null, null, OutgoingServersProblems.ExplainUnreadable("envelopeFrom", "one address"));
        return new(author, await chooser.ExplainAsync(new SenderQuestion(author, creator, forced, query.Mailing, envelope) { SeveralSenders = from.Count > 1 }, cancellationToken), null);
    }
}
