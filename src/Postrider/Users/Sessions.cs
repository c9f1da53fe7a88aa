using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using Postrider.Journal;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Users;

/// <summary>Signing in and out of a browser.</summary>
internal sealed partial class Sessions(HubDatabase database, JournalWriter journal, PasswordHasher<Person> hasher, SignInLimit limit, TimeProvider clock, ILogger<Sessions> log)
{
    // Hashed once: an unknown account takes as long as a wrong password, so nobody learns which accounts exist.
    private readonly Lazy<string> noOnesHash = new(() => hasher.HashPassword(null!, Secret.New()));

    /// <returns>The person, or why not. Counts against <see cref="SignInLimit"/>.</returns>
    public async Task<PersonResult> CheckAsync(string email, string password, string address, CancellationToken cancellationToken = default)
    {
        email = email.Trim();
        if (!limit.Admits(email, address))
        {
            LogLimited(address);
            return UsersProblems.TooManySignIns;
        }

        var person = email.Length > 254 ? null : await database.ReadAsync(r => PersonStore.FindByEmail(r, email), cancellationToken);
        var tooLong = password.Length > PasswordRule.MaxLength;
        var verdict = hasher.VerifyHashedPassword(person!, person?.PasswordHash ?? noOnesHash.Value, tooLong ? "" : password);
        if (person?.PasswordHash is null || tooLong || verdict == PasswordVerificationResult.Failed)
        {
            limit.Refused(email, address);
            LogRefused(address);
            return UsersProblems.SignInRefused;
        }

        limit.Succeeded(email);
        if (verdict == PasswordVerificationResult.SuccessRehashNeeded)
        {
            var better = hasher.HashPassword(person, password);
            await database.WriteAsync(tx => PersonStore.SetPassword(tx, person.Id, better), cancellationToken);
        }

        return person;
    }

    /// <summary>Makes a session and sets its cookie. The id is always new: one that somebody planted before is worth nothing.</summary>
    public async Task StartAsync(HttpContext http, Person person)
    {
        var id = Ids.New(clock);
        await database.WriteAsync(tx =>
        {
            SessionStore.Insert(tx, id, person.Id);
            PersonStore.SignedIn(tx, person.Id);
            journal.Write(tx, "signed-in", "user", person.Id, $"{person.Name} signed in.", person.Id);
        }, http.RequestAborted);
        await http.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, Principal(person, CookieAuthenticationDefaults.AuthenticationScheme, id));
    }

    public async Task EndAsync(HttpContext http)
    {
        if (Viewer.Of(http)?.SessionId is { } id) await database.WriteAsync(tx => SessionStore.Delete(tx, id), http.RequestAborted);
        await http.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
    }

    /// <summary>For each request: the session must still stand, and rights and name are those of now, not of the sign-in.</summary>
    public async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var person = Guid.TryParse(context.Principal?.FindFirstValue(ViewerClaims.Session), out var id)
            ? await database.ReadAsync(r => SessionStore.FindPerson(r, id), context.HttpContext.RequestAborted)
            : null;
        if (person is null)
        {
            context.RejectPrincipal();
            await context.HttpContext.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
            return;
        }

        context.ReplacePrincipal(Principal(person, CookieAuthenticationDefaults.AuthenticationScheme, id));
    }

    /// <param name="session">Null: an API key.</param>
    public static ClaimsPrincipal Principal(Person person, string scheme, Guid? session)
    {
        var identity = new ClaimsIdentity(scheme, ViewerClaims.Name, ViewerClaims.Right);
        identity.AddClaim(new Claim(ViewerClaims.UserId, person.Id.ToString("D")));
        identity.AddClaim(new Claim(ViewerClaims.Name, person.Name));
        identity.AddClaim(new Claim(ViewerClaims.Email, person.Email));
        if (person.IsSettings) identity.AddClaim(new Claim(ViewerClaims.Right, ViewerClaims.SettingsRight));
        if (person.TimeZone is not null) identity.AddClaim(new Claim(ViewerClaims.TimeZone, person.TimeZone));
        if (session is { } id) identity.AddClaim(new Claim(ViewerClaims.Session, id.ToString("D")));
        return new ClaimsPrincipal(identity);
    }

    // Without the name that was typed: people type passwords into the wrong field.
    [LoggerMessage(1201, LogLevel.Warning, "Users: a sign-in from {Address} was refused")]
    private partial void LogRefused(string address);

    [LoggerMessage(1202, LogLevel.Warning, "Users: sign-ins from {Address} are over the limit")]
    private partial void LogLimited(string address);
}
