using System.Globalization;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingServers;

/// <param name="MessagesPerMinute">Null: as by default; 0: no limit.</param>
/// <param name="RecipientsPerDay">In any 24 hours. Null: as by default; 0: no limit.</param>
/// <param name="ExternalPerDay">Of a tenant: recipients outside it in any 24 hours. Null: by its licences; 0: no limit.</param>
/// <param name="Licences">Of a tenant. Null: not known, and then no limit is kept.</param>
internal sealed record SendingBudgetRequest(int? MessagesPerMinute, int? RecipientsPerDay, int? ExternalPerDay, int? Licences);

/// <param name="Meter"><c>mailbox:</c> and its address, <c>server:</c> and host, port and user, or <c>tenant:</c> and its id.</param>
/// <param name="Limits">What is kept; null in a field: no limit.</param>
/// <param name="Set">What an administrator set instead of the default.</param>
/// <param name="OfTheMinute">Messages within the last sixty seconds.</param>
/// <param name="OfTheDay">Recipients within the last 24 hours; of a tenant those outside it.</param>
internal sealed record SendingBudgetAnswer(string Meter, SendingLimits Limits, SendingBudgetChange Set, int OfTheMinute, int OfTheDay)
{
    public static SendingBudgetAnswer Of(SendingBudgetState state) => new(state.Meter, state.Limits, state.Change, state.OfTheMinute, state.OfTheDay);
}

internal static class SendingBudgetsApi
{
    public static void MapSendingBudgets(this WebApplication app)
    {
        var group = app.MapGroup("/api/v1/sending-budgets").RequireAuthorization(Policies.Settings).WithTags("Outgoing servers");
        group.MapGet("", async (SendingBudgets budgets, HubDatabase database, CancellationToken cancel) => Results.Ok((await database.ReadAsync(budgets.List, cancel)).Select(SendingBudgetAnswer.Of).ToList())).WithSummary("What may be sent, and what was");
        group.MapPut("{meter}", async (string meter, SendingBudgetRequest request, SendingBudgetForm form, Viewer viewer, CancellationToken cancel) =>
            await form.SaveAsync(meter, new(request.MessagesPerMinute, request.RecipientsPerDay, request.ExternalPerDay, request.Licences), viewer, cancel) is { } problem ? Problems.ToResult(problem, problem == OutgoingServersProblems.BudgetNotFound ? StatusCodes.Status404NotFound : StatusCodes.Status422UnprocessableEntity) : Results.NoContent()).WithSummary("Change a sending budget");
    }
}

/// <summary>Changes a budget: the one way, for page and API.</summary>
internal sealed class SendingBudgetForm(HubDatabase database, SendingBudgets budgets)
{
    private const int Highest = 10_000_000;

    /// <summary>Texts as they were entered; empty is null.</summary>
    public Task<Problem?> SaveAsync(string meter, string? messagesPerMinute, string? recipientsPerDay, string? externalPerDay, string? licences, Viewer viewer, CancellationToken cancellationToken)
    {
        var wrong = false;
        var change = new SendingBudgetChange(Read(messagesPerMinute), Read(recipientsPerDay), Read(externalPerDay), Read(licences));
        return wrong ? Task.FromResult<Problem?>(OutgoingServersProblems.BudgetInvalid) : SaveAsync(meter, change, viewer, cancellationToken);

        int? Read(string? text)
        {
            if (string.IsNullOrWhiteSpace(text)) return null;
            if (int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return number;
            wrong = true;
            return null;
        }
    }

    /// <returns>Null when it is stored.</returns>
    public async Task<Problem?> SaveAsync(string meter, SendingBudgetChange change, Viewer viewer, CancellationToken cancellationToken)
    {
        if (((int?[])[change.MessagesPerMinute, change.RecipientsPerDay, change.ExternalPerDay, change.Licences]).Any(number => number is < 0 or > Highest)) return OutgoingServersProblems.BudgetInvalid;
        return await database.WriteAsync(tx =>
        {
            if (budgets.List(tx).All(state => state.Meter != meter)) return OutgoingServersProblems.BudgetNotFound;
            budgets.Change(tx, meter, change, viewer.UserId);
            return null;
        }, cancellationToken);
    }
}
