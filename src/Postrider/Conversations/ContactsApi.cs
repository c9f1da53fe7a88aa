using Postrider.Web;

namespace Postrider.Conversations;

/// <param name="NamedByHand">The name was entered here, and no message changes it.</param>
public sealed record ContactAnswer(Guid Id, string Address, string? Name, bool NamedByHand, int Conversations, DateTimeOffset? LastMessageAt);

/// <param name="Next">Value of <c>after</c> for the next page; null: this is the last.</param>
public sealed record ContactListAnswer(IReadOnlyList<ContactAnswer> Contacts, Guid? Next);

public sealed record OneContactAnswer(ContactAnswer Contact, IReadOnlyList<ConversationLineAnswer> Conversations);

/// <param name="Name">Null or empty: the next message of theirs names them again.</param>
public sealed record ContactRequest(string? Name);

internal static class ContactsApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var contacts = routes.MapGroup("/api/v1/contacts").RequireAuthorization(Policies.SignedIn).WithTags("Contacts");
        contacts.MapGet("", async (string? search, Guid? after, int? limit, Contacts known, CancellationToken cancel) =>
        {
            var size = Math.Clamp(limit ?? ContactStore.ListLimit, 1, 500);
            var found = await known.ListAsync(search, after is { } id ? new(id) : null, size, cancel);
            return Results.Ok(new ContactListAnswer([.. found.Select(Of)], found.Count == size ? found[^1].Id.Value : null));
        });
        contacts.MapGet("/{id:guid}", async (Guid id, Contacts known, Viewer viewer, CancellationToken cancel) => await known.FindAsync(new(id), viewer, cancel) is var (contact, conversations)
            ? Results.Ok(new OneContactAnswer(Of(contact), [.. conversations.Select(ConversationsApi.Of)])) : Problems.ToResult(ConversationsProblems.ContactNotFound()));
        contacts.MapPut("/{id:guid}", async (Guid id, ContactRequest request, Contacts known, CancellationToken cancel) =>
            await known.RenameAsync(new(id), request.Name, cancel) is { } problem ? Problems.ToResult(problem) : Results.NoContent());
    }

    private static ContactAnswer Of(Contact c) => new(c.Id.Value, c.Address, c.Name, c.NamedByHand, c.Conversations, c.LastMessageAt);
}
