using Microsoft.AspNetCore.Identity;
using Postrider.Journal;
using Postrider.Mail;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Users;

/// <summary>A result or what stood in its way.</summary>
internal readonly record struct PersonResult(Person? Person, Problem? Problem)
{
    public static implicit operator PersonResult(Person person) => new(person, null);
    public static implicit operator PersonResult(Problem problem) => new(null, problem);
}

/// <summary>What is done to people: by the set-up link, by administrators, by themselves.</summary>
internal sealed class People(HubDatabase database, JournalWriter journal, PasswordHasher<Person> hasher, SetupLink setupLink, TimeProvider clock)
{
    /// <summary>Long enough for a weekend between invitation and first sign-in.</summary>
    public static readonly TimeSpan PasswordLinkLife = TimeSpan.FromDays(3);
    private const string Subject = "user";

    /// <summary>Makes the first administrator. Of two at once, one is refused.</summary>
    public async Task<PersonResult> SetUpAsync(string token, string name, string email, string password, CancellationToken cancellationToken = default)
    {
        if (!setupLink.Is(token)) return UsersProblems.SetupLinkInvalid;
        if (Check(name, email) is { } problem) return problem;
        if (!PasswordRule.Admits(password, name, email)) return UsersProblems.PasswordTooWeak;
        var person = New(name, email, AccessRight.Settings);
        person = person with { PasswordHash = hasher.HashPassword(person, password) };
        return await database.WriteAsync<PersonResult>(tx =>
        {
            if (PersonStore.HasAdministrator(tx)) return UsersProblems.SetupLinkInvalid;
            if (PersonStore.FindByEmail(tx, person.Email) is not null) return UsersProblems.EmailTaken;
            PersonStore.Insert(tx, person);
            journal.Write(tx, "user-created", Subject, person.Id, $"{person.Name} was made the first administrator by the set-up link.", null);
            return person;
        }, cancellationToken);
    }

    /// <summary>The person cannot sign in before following a password link.</summary>
    public async Task<PersonResult> InviteAsync(string name, string email, AccessRight access, Guid byUser, CancellationToken cancellationToken = default)
    {
        if (Check(name, email) is { } problem) return problem;
        var person = New(name, email, access);
        return await database.WriteAsync<PersonResult>(tx =>
        {
            if (PersonStore.FindByEmail(tx, person.Email) is not null) return UsersProblems.EmailTaken;
            PersonStore.Insert(tx, person);
            journal.Write(tx, "user-created", Subject, person.Id, $"{person.Name} was invited.", byUser);
            return person;
        }, cancellationToken);
    }

    /// <returns>The token of a link that sets the person's password; null when there is no such person. Nobody can learn it again.</returns>
    public async Task<string?> MakePasswordLinkAsync(Guid id, Guid byUser, CancellationToken cancellationToken = default)
    {
        var token = Secret.New();
        return await database.WriteAsync(tx =>
        {
            if (PersonStore.Find(tx, id) is not { } person) return null;
            PersonStore.PutPasswordLink(tx, id, Secret.Hash(token), tx.Now + PasswordLinkLife);
            journal.Write(tx, "password-link-made", Subject, id, $"A password link for {person.Name} was made.", byUser);
            return token;
        }, cancellationToken);
    }

    /// <returns>Whom the link is for; null when it is not valid.</returns>
    public Task<Person?> FindByPasswordLinkAsync(string token, CancellationToken cancellationToken = default) =>
        database.ReadAsync(r => PersonStore.FindByPasswordLink(r, Secret.Hash(token)), cancellationToken);

    /// <summary>Uses the link up and signs every other browser of the person out.</summary>
    public async Task<PersonResult> SetPasswordByLinkAsync(string token, string password, CancellationToken cancellationToken = default)
    {
        if (await FindByPasswordLinkAsync(token, cancellationToken) is not { } person) return UsersProblems.PasswordLinkInvalid;
        if (!PasswordRule.Admits(password, person.Name, person.Email)) return UsersProblems.PasswordTooWeak;
        var hash = hasher.HashPassword(person, password);
        return await database.WriteAsync<PersonResult>(tx =>
        {
            if (PersonStore.FindByPasswordLink(tx, Secret.Hash(token)) is not { } still) return UsersProblems.PasswordLinkInvalid;
            PersonStore.SetPassword(tx, still.Id, hash);
            PersonStore.DeletePasswordLink(tx, still.Id);
            SessionStore.DeleteAll(tx, still.Id, except: null);
            journal.Write(tx, "password-set", Subject, still.Id, $"{still.Name} set a password by a link.", still.Id);
            return still;
        }, cancellationToken);
    }

    /// <param name="session">Stays signed in; the others do not. Null: an API key asks, and all are signed out.</param>
    public async Task<Problem?> ChangePasswordAsync(Guid id, string current, string password, Guid? session, CancellationToken cancellationToken = default)
    {
        var person = await FindAsync(id, cancellationToken);
        if (person?.PasswordHash is null) return UsersProblems.NotFound;
        if (current.Length > PasswordRule.MaxLength || hasher.VerifyHashedPassword(person, person.PasswordHash, current) == PasswordVerificationResult.Failed) return UsersProblems.PasswordWrong;
        if (!PasswordRule.Admits(password, person.Name, person.Email)) return UsersProblems.PasswordTooWeak;
        var hash = hasher.HashPassword(person, password);
        await database.WriteAsync(tx =>
        {
            PersonStore.SetPassword(tx, id, hash);
            SessionStore.DeleteAll(tx, id, except: session);
            journal.Write(tx, "password-set", Subject, id, $"{person.Name} changed the password.", id);
        }, cancellationToken);
        return null;
    }

    public async Task<PersonResult> ChangeAsync(Guid id, string name, string email, AccessRight access, Guid byUser, CancellationToken cancellationToken = default)
    {
        if (Check(name, email) is { } problem) return problem;
        return await database.WriteAsync<PersonResult>(tx =>
        {
            if (PersonStore.Find(tx, id) is not { } old) return UsersProblems.NotFound;
            if (PersonStore.FindByEmail(tx, email.Trim()) is { } other && other.Id != id) return UsersProblems.EmailTaken;
            if (old.IsSettings && access != AccessRight.Settings && PersonStore.OtherAdministrators(tx, id) == 0) return UsersProblems.LastAdministrator;
            PersonStore.Update(tx, id, name.Trim(), email.Trim(), access);
            journal.Write(tx, "user-changed", Subject, id, Changes(old, name.Trim(), email.Trim(), access), byUser);
            return PersonStore.Find(tx, id)!;
        }, cancellationToken);
    }

    public async Task<Problem?> ChangePreferencesAsync(Guid id, string name, string? timeZone, CancellationToken cancellationToken = default)
    {
        if (!IsName(name)) return UsersProblems.NameMissing;
        var zone = string.IsNullOrWhiteSpace(timeZone) ? null : timeZone.Trim();
        if (zone is not null && !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _)) return UsersProblems.TimeZoneUnknown;
        await database.WriteAsync(tx => PersonStore.UpdatePreferences(tx, id, name.Trim(), zone), cancellationToken);
        return null;
    }

    public Task<Problem?> DeleteAsync(Guid id, Guid byUser, CancellationToken cancellationToken = default) => database.WriteAsync(tx =>
    {
        if (PersonStore.Find(tx, id) is not { } person) return UsersProblems.NotFound;
        if (person.IsSettings && PersonStore.OtherAdministrators(tx, id) == 0) return UsersProblems.LastAdministrator;
        PersonStore.Delete(tx, id);
        journal.Write(tx, "user-deleted", Subject, id, $"{person.Name} was deleted.", byUser);
        return null;
    }, cancellationToken);

    public Task<Person?> FindAsync(Guid id, CancellationToken cancellationToken = default) => database.ReadAsync(r => PersonStore.Find(r, id), cancellationToken);

    public Task<IReadOnlyList<Person>> ListAsync(string? search, (string Name, Guid Id)? after, int limit, CancellationToken cancellationToken = default) =>
        database.ReadAsync(r => PersonStore.List(r, search, after, limit), cancellationToken);

    public Task<bool> HasAdministratorAsync(CancellationToken cancellationToken = default) => database.ReadAsync(PersonStore.HasAdministrator, cancellationToken);

    private Person New(string name, string email, AccessRight access) =>
        new() { Id = Ids.New(clock), Name = name.Trim(), Email = email.Trim(), Access = access, CreatedAt = clock.GetUtcNow() };

    private static Problem? Check(string name, string email)
    {
        if (!IsName(name)) return UsersProblems.NameMissing;
        return email.Length <= 254 && EmailAddress.TryParse(email.Trim(), out _) ? null : UsersProblems.EmailNotValid;
    }

    private static bool IsName(string name) => name.Trim().Length is > 0 and <= 100 && !name.Any(char.IsControl);

    private static string Changes(Person old, string name, string email, AccessRight access)
    {
        var changes = new List<string>(3);
        if (old.Name != name) changes.Add($"name \"{old.Name}\" to \"{name}\"");
        if (old.Email != email) changes.Add($"e-mail {old.Email} to {email}");
        if (old.Access != access) changes.Add($"right {old.Access} to {access}");
        return changes.Count == 0 ? $"{name} was saved unchanged." : $"Changed {string.Join(", ", changes)}.";
    }
}
