using Postrider.Mail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <param name="Reason"><c>address-invalid</c>, <c>bounces</c>, <c>complaint</c> or <c>by-hand</c>.</param>
/// <param name="Detail">The server's words, or a person's note.</param>
/// <param name="Mail">The mail whose bounce or complaint it was; null when it was added by hand.</param>
internal sealed record SuppressedAddressAnswer(Guid Id, string Address, string Reason, string? Detail, DateTimeOffset Since, Guid? Mail);

/// <param name="Next">Give it as <c>before</c> for the next page; null on the last.</param>
internal sealed record SuppressedAddressListAnswer(IReadOnlyList<SuppressedAddressAnswer> Addresses, Guid? Next);

internal sealed record SuppressedAddressRequest(string? Address, string? Note);

internal static class SuppressedAddressesApi
{
    private const int MaxListed = 500;

    public static void MapSuppressedAddresses(this WebApplication app)
    {
        var group = app.MapGroup("/api/v1/suppressed-addresses").RequireAuthorization(Policies.Settings).WithTags("Suppressed addresses");
        group.MapGet("", async (string? search, Guid? before, int? limit, SuppressionStore store, HubDatabase database, CancellationToken cancel) =>
        {
            var count = Math.Clamp(limit ?? 100, 1, MaxListed);
            var addresses = await database.ReadAsync(reader => store.List(reader, search, before, count), cancel);
            return Results.Ok(new SuppressedAddressListAnswer([.. addresses.Select(Answer)], addresses.Count == count ? addresses[^1].Id : null));
        });
        group.MapGet("{address}", async (string address, SuppressionStore store, HubDatabase database, CancellationToken cancel) =>
            EmailAddress.TryParse(address, out var parsed) && await database.ReadAsync(reader => store.Find(reader, parsed), cancel) is { } known ? Results.Ok(Answer(known)) : Problems.ToResult(OutgoingMailProblems.NotSuppressed));
        group.MapPost("", async (SuppressedAddressRequest request, SuppressionStore store, HubDatabase database, Viewer viewer, CancellationToken cancel) =>
            await store.AddByHandAsync(request.Address, request.Note, viewer.UserId, cancel) is { } problem
                ? Problems.ToResult(problem)
                : Results.Created($"/api/v1/suppressed-addresses/{Uri.EscapeDataString(request.Address!)}", Answer((await database.ReadAsync(reader => store.Find(reader, EmailAddress.Parse(request.Address!)), cancel))!)));
        group.MapDelete("{address}", async (string address, SuppressionStore store, Viewer viewer, CancellationToken cancel) =>
            await store.RemoveByHandAsync(address, viewer.UserId, cancel) is { } problem ? Problems.ToResult(problem) : Results.NoContent());
    }

    private static SuppressedAddressAnswer Answer(SuppressedAddress address) => new(address.Id, address.Address, address.Reason.Word(), address.Detail, address.Since, address.MailId?.Value);
}
