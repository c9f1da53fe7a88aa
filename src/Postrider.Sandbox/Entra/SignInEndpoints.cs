using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.WebUtilities;
using Postrider.Sandbox.Directories;
using Postrider.Sandbox.Portal;
using Postrider.Sandbox.Portal.SignIn;

namespace Postrider.Sandbox.Entra;

/// <summary>The authorize endpoint and the pages it leads through: account, password, consent. The steps of a sign-in are named in <see cref="Continue"/>.</summary>
internal sealed class SignInEndpoints
{
    private const string NamePath = "/login/name";
    private const string PasswordPath = "/login/password";
    private const string AccountPath = "/login/account";
    private const string ConsentPath = "/login/consent";
    private const string FlowField = "flow";

    private readonly EntraDirectory directory;
    private readonly SignInSessions sessions;
    private readonly PendingSignIns pending;
    private readonly Grants grants;
    private readonly TimeProvider clock;
    private readonly IAntiforgery antiforgery;

    public SignInEndpoints(EntraDirectory directory, SignInSessions sessions, PendingSignIns pending, Grants grants, TimeProvider clock, IAntiforgery antiforgery) =>
        (this.directory, this.sessions, this.pending, this.grants, this.clock, this.antiforgery) = (directory, sessions, pending, grants, clock, antiforgery);

    public static void Map(IEndpointRouteBuilder routes)
    {
        // Entra takes the same parameters in the address and as a posted form.
        routes.MapGet("/{tenant}/oauth2/v2.0/authorize", (string tenant, HttpContext http, SignInEndpoints signIn) => signIn.AuthorizeAsync(tenant, http, name => http.Request.Query[name]));
        routes.MapPost("/{tenant}/oauth2/v2.0/authorize", async (string tenant, HttpContext http, SignInEndpoints signIn) =>
        {
            if (!http.Request.HasFormContentType) return Results.BadRequest();
            var form = await http.Request.ReadFormAsync(http.RequestAborted);
            return await signIn.AuthorizeAsync(tenant, http, name => form[name]);
        }).DisableAntiforgery();
        routes.MapMethods("/{tenant}/oauth2/v2.0/logout", ["GET", "POST"], (HttpContext http, SignInEndpoints signIn) => signIn.LogOut(http));

        routes.MapGet(SignInSessions.SignInPath, (HttpContext http, SignInEndpoints signIn) => signIn.SignInForPortal(http));
        routes.MapGet(SignInSessions.SignOutPath, (HttpContext http, SignInEndpoints signIn) => signIn.LogOut(http));
        routes.MapGet(NamePath, (HttpContext http, SignInEndpoints signIn) => signIn.NameAgain(http));
        routes.MapPost(NamePath, (HttpContext http, SignInEndpoints signIn) => signIn.NamePostedAsync(http));
        routes.MapPost(PasswordPath, (HttpContext http, SignInEndpoints signIn) => signIn.PasswordPostedAsync(http));
        routes.MapPost(AccountPath, (HttpContext http, SignInEndpoints signIn) => signIn.AccountPostedAsync(http));
        routes.MapPost(ConsentPath, (HttpContext http, SignInEndpoints signIn) => signIn.ConsentPostedAsync(http));
    }

    private Task<IResult> AuthorizeAsync(string tenant, HttpContext http, Func<string, string?> parameter)
    {
        switch (AuthorizeRequest.Read(tenant, parameter, directory))
        {
            case AuthorizeRead.Page page: return Task.FromResult(ErrorPage(http, page.Error));
            case AuthorizeRead.Redirect redirect: return Task.FromResult(Refuse(http, redirect.Error, redirect.RedirectUri, redirect.ResponseMode, redirect.State));
            case AuthorizeRead.Good good:
                var flow = pending.Start(sessions.BrowserOf(http), good.Request, "/");
                return Task.FromResult(Continue(http, flow));
            default: throw new InvalidOperationException("An authorize request is good, or refused on a page or by a redirect.");
        }
    }

    /// <summary>The portal sends a browser here in which nobody is signed in.</summary>
    private IResult SignInForPortal(HttpContext http)
    {
        var returnTo = http.Request.Query["return"].ToString();
        // A path on this site only, never another site's address.
        if (!returnTo.StartsWith('/') || returnTo.StartsWith("//", StringComparison.Ordinal) || returnTo.Contains('\\', StringComparison.Ordinal)) returnTo = "/";
        return Continue(http, pending.Start(sessions.BrowserOf(http), request: null, returnTo));
    }

    /// <summary>1 who signs in; 2 may this account; 3 consent; 4 the code, and back to the application.</summary>
    private IResult Continue(HttpContext http, string flow)
    {
        if (pending.Find(flow, sessions.BrowserOf(http)) is not { } now) return ErrorPage(http, EntraErrors.FlowExpired);

        // 1
        if (now.User is null)
        {
            var signedIn = sessions.Users(http);
            var step = now.Request is { } asked ? SignInRules.ChooseAccount(asked, signedIn)
                : signedIn.Count > 0 ? new AccountStep.Pick(signedIn) : new AccountStep.AskName();
            switch (step)
            {
                case AccountStep.Pick pick: return AccountPicker(http, flow, now, pick.Accounts);
                case AccountStep.AskName: return NamePage(http, flow, now, userName: null, problem: null);
                case AccountStep.AskPassword ask: return PasswordPage(http, flow, ask.UserName, problem: null);
                case AccountStep.Refused refused:
                    pending.End(flow);
                    return Refuse(http, refused.Error, now.Request!.RedirectUri, now.Request.ResponseMode, now.Request.State);
                case AccountStep.Known known: now = Settle(flow, now, known.User); break;
            }
        }
        if (now.Request is not { } request)
        {
            pending.End(flow);
            return Results.LocalRedirect(now.ReturnTo);
        }

        // 2
        if (SignInRules.Judge(request, now.User!, directory) is { } kept) return ErrorPage(http, kept, flow);

        // 3
        switch (SignInRules.ChooseConsent(request, now.User!, directory.Consented(request.App.ClientId, now.User!), directory.MayManageApplications(now.User!.TenantId, now.User)))
        {
            case ConsentStep.Refused refused when request.Prompt == "none":
                pending.End(flow);
                return Refuse(http, refused.Error, request.RedirectUri, request.ResponseMode, request.State);
            case ConsentStep.Refused refused: return ErrorPage(http, refused.Error, flow);
            case ConsentStep.Ask ask:
                pending.Keep(flow, now with { Asked = ask.Permissions });
                return ConsentPage(http, flow, request, now.User, ask);
        }

        // 4
        return pending.End(flow) ? IssueCode(http, request, now.User) : ErrorPage(http, EntraErrors.FlowExpired);
    }

    private IResult NameAgain(HttpContext http)
    {
        var flow = http.Request.Query[FlowField].ToString();
        return pending.Find(flow, sessions.BrowserOf(http)) is { } now ? NamePage(http, flow, now, userName: null, problem: null) : ErrorPage(http, EntraErrors.FlowExpired);
    }

    private async Task<IResult> NamePostedAsync(HttpContext http)
    {
        if (await PostedAsync(http) is not { } posted) return ErrorPage(http, EntraErrors.FlowExpired);
        var name = posted.Form["username"].ToString().Trim();
        return directory.FindUser(name) is { } user
            ? PasswordPage(http, posted.Flow, user.UserPrincipalName, problem: null)
            : NamePage(http, posted.Flow, posted.Pending, name, Beside(EntraErrors.UserNotFound(name)));
    }

    private async Task<IResult> PasswordPostedAsync(HttpContext http)
    {
        if (await PostedAsync(http) is not { } posted) return ErrorPage(http, EntraErrors.FlowExpired);
        var name = posted.Form["username"].ToString().Trim();
        if (directory.FindUser(name) is not { } user) return NamePage(http, posted.Flow, posted.Pending, name, Beside(EntraErrors.UserNotFound(name)));
        if (!directory.PasswordIsRight(user, posted.Form["password"])) return PasswordPage(http, posted.Flow, user.UserPrincipalName, Beside(EntraErrors.WrongPassword));
        if (!user.IsEnabled) return PasswordPage(http, posted.Flow, user.UserPrincipalName, Beside(EntraErrors.UserDisabled));
        sessions.SignIn(http, user);
        Settle(posted.Flow, posted.Pending with { Browser = sessions.BrowserOf(http) }, user);
        return Continue(http, posted.Flow);
    }

    private async Task<IResult> AccountPostedAsync(HttpContext http)
    {
        if (await PostedAsync(http) is not { } posted) return ErrorPage(http, EntraErrors.FlowExpired);
        if (!Guid.TryParse(posted.Form["account"], out var id)) return NamePage(http, posted.Flow, posted.Pending, userName: null, problem: null);
        if (!sessions.Pick(http, id) || directory.FindUser(id) is not { } user) return ErrorPage(http, EntraErrors.FlowExpired);
        Settle(posted.Flow, posted.Pending, user);
        return Continue(http, posted.Flow);
    }

    private async Task<IResult> ConsentPostedAsync(HttpContext http)
    {
        if (await PostedAsync(http) is not { Pending: { Request: { } request, User: { } user, Asked: { } asked } } posted) return ErrorPage(http, EntraErrors.FlowExpired);
        // The account may have lost its right while the page stood open.
        if (SignInRules.Judge(request, user, directory) is { } kept) return ErrorPage(http, kept, posted.Flow);
        if (!pending.End(posted.Flow)) return ErrorPage(http, EntraErrors.FlowExpired);
        if (posted.Form["consent"] != "accept") return Refuse(http, EntraErrors.Declined, request.RedirectUri, request.ResponseMode, request.State);
        var forEverybody = posted.Form["everyone"] == "true" && !user.IsPersonal && directory.MayManageApplications(user.TenantId, user);
        directory.Consent(request.App, user, asked.Select(p => p.Name), forEverybody);
        return IssueCode(http, request, user);
    }

    private IResult LogOut(HttpContext http)
    {
        sessions.SignOut(http);
        var next = http.Request.Query["post_logout_redirect_uri"].ToString();
        // Only to an address that some application registered: an open redirect would serve phishing.
        if (next.Length > 0 && directory.Tenants.SelectMany(t => directory.FindApplications(t.Id)).Any(a => a.RedirectUris.Any(r => RegistrationRules.Matches(r, next)))) return Results.Redirect(next);
        return Results.LocalRedirect("/");
    }

    // ---- Answers to the application

    private IResult IssueCode(HttpContext http, AuthorizeRequest request, DirectoryUser user)
    {
        var answer = new Dictionary<string, string?>(StringComparer.Ordinal) { ["code"] = grants.IssueCode(request, user), ["state"] = request.State, ["session_state"] = RandomId.New().ToString() };
        return Answer(http, request.RedirectUri, request.ResponseMode, answer);
    }

    private IResult Refuse(HttpContext http, EntraError error, string redirectUri, string responseMode, string? state)
    {
        var answer = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["error"] = error.Error,
            ["error_subcode"] = error == EntraErrors.Declined ? "cancel" : null,
            ["error_description"] = Describe(http, error),
            ["state"] = state,
        };
        return Answer(http, redirectUri, responseMode, answer);
    }

    private static IResult Answer(HttpContext http, string redirectUri, string responseMode, Dictionary<string, string?> answer)
    {
        var given = answer.Where(a => a.Value is not null).ToDictionary(StringComparer.Ordinal);
        http.Response.Headers.CacheControl = "no-store";
        return responseMode switch
        {
            "form_post" => Page.Show<FormPostPage>(http, new Dictionary<string, object?>(StringComparer.Ordinal) { [nameof(FormPostPage.RedirectUri)] = redirectUri, [nameof(FormPostPage.Fields)] = given }, formLeadsTo: new Uri(redirectUri)),
            "fragment" => Results.Redirect(redirectUri + "#" + QueryHelpers.AddQueryString("", given)[1..]),
            _ => Results.Redirect(QueryHelpers.AddQueryString(redirectUri, given)),
        };
    }

    // ---- Pages

    private IResult NamePage(HttpContext http, string flow, PendingSignIn now, string? userName, string? problem) => Show<SignInPage>(http, now.Request, new(StringComparer.Ordinal)
    {
        [nameof(SignInPage.Form)] = FormOf(NamePath, flow),
        [nameof(SignInPage.UserName)] = userName,
        [nameof(SignInPage.Problem)] = problem,
        [nameof(SignInPage.ForApplication)] = now.Request?.App.DisplayName,
        [nameof(SignInPage.Accounts)] = directory.Users.Select(u => new AccountChoice(u.Id.ToString(), u.DisplayName, u.UserPrincipalName, SignedIn: false)).ToList(),
    });

    private IResult PasswordPage(HttpContext http, string flow, string userName, string? problem) => Show<Portal.SignIn.PasswordPage>(http, pending.Find(flow, sessions.BrowserOf(http))?.Request, new(StringComparer.Ordinal)
    {
        [nameof(Portal.SignIn.PasswordPage.Form)] = FormOf(PasswordPath, flow),
        [nameof(Portal.SignIn.PasswordPage.UserName)] = userName,
        [nameof(Portal.SignIn.PasswordPage.Problem)] = problem,
        [nameof(Portal.SignIn.PasswordPage.OtherAccountUrl)] = QueryHelpers.AddQueryString(NamePath, FlowField, flow),
    });

    private IResult AccountPicker(HttpContext http, string flow, PendingSignIn now, IReadOnlyList<DirectoryUser> accounts) => Show<AccountPickerPage>(http, now.Request, new(StringComparer.Ordinal)
    {
        [nameof(AccountPickerPage.Form)] = FormOf(AccountPath, flow),
        [nameof(AccountPickerPage.Accounts)] = accounts.Select(u => new AccountChoice(u.Id.ToString(), u.DisplayName, u.UserPrincipalName, SignedIn: true)).ToList(),
        [nameof(AccountPickerPage.ForApplication)] = now.Request?.App.DisplayName,
    });

    private IResult ConsentPage(HttpContext http, string flow, AuthorizeRequest request, DirectoryUser user, ConsentStep.Ask ask) => Show<Portal.SignIn.ConsentPage>(http, request, new(StringComparer.Ordinal)
    {
        [nameof(Portal.SignIn.ConsentPage.Form)] = FormOf(ConsentPath, flow),
        [nameof(Portal.SignIn.ConsentPage.Personal)] = user.IsPersonal,
        [nameof(Portal.SignIn.ConsentPage.Application)] = request.App.DisplayName,
        [nameof(Portal.SignIn.ConsentPage.Account)] = user.UserPrincipalName,
        [nameof(Portal.SignIn.ConsentPage.Items)] = ask.Permissions.Where(p => p.Consent is not null).Select(p => new ConsentItem(p.Consent!, $"{p.Description} ({p.Name})")).DistinctBy(i => i.Title).ToList(),
        [nameof(Portal.SignIn.ConsentPage.OffersEveryone)] = ask.OffersEveryone,
    });

    private IResult ErrorPage(HttpContext http, EntraError error, string? flow = null)
    {
        var ids = ErrorIds.For(http, clock);
        var parameters = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            [nameof(SignInErrorPage.Message)] = $"AADSTS{error.Code}: {error.Text}",
            [nameof(SignInErrorPage.Details)] = new List<KeyValuePair<string, string>> { new("Request Id", ids.Trace.ToString()), new("Correlation Id", ids.Correlation.ToString()), new("Timestamp", ids.Timestamp) },
        };
        if (flow is not null)
        {
            // The account is kept away, not the person: another one may be tried.
            parameters[nameof(SignInErrorPage.LinkUrl)] = QueryHelpers.AddQueryString(NamePath, FlowField, flow);
            parameters[nameof(SignInErrorPage.LinkText)] = "Sign in with another account";
        }
        return Page.Show<SignInErrorPage>(http, parameters, StatusCodes.Status400BadRequest);
    }

    private static IResult Show<TPage>(HttpContext http, AuthorizeRequest? request, Dictionary<string, object?> parameters) where TPage : Microsoft.AspNetCore.Components.IComponent =>
        Page.Show<TPage>(http, parameters, formLeadsTo: request is null ? null : new Uri(request.RedirectUri));

    private static SignInForm FormOf(string action, string flow) => new(action, new Dictionary<string, string>(StringComparer.Ordinal) { [FlowField] = flow });

    // ---- Within

    private PendingSignIn Settle(string flow, PendingSignIn now, DirectoryUser user)
    {
        var after = now with { User = user };
        pending.Keep(flow, after);
        return after;
    }

    private async Task<(string Flow, IFormCollection Form, PendingSignIn Pending)?> PostedAsync(HttpContext http)
    {
        if (!http.Request.HasFormContentType || !await antiforgery.IsRequestValidAsync(http)) return null;
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        var flow = form[FlowField].ToString();
        return pending.Find(flow, sessions.BrowserOf(http)) is { } now ? (flow, form, now) : null;
    }

    /// <summary>For the line under a field: the ids of the request belong on a page of their own.</summary>
    private static string Beside(EntraError error) => $"AADSTS{error.Code}: {error.Text}";

    private string Describe(HttpContext http, EntraError error) => error.Describe(ErrorIds.For(http, clock));
}
