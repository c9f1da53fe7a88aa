using Postrider.Doctor;
using Postrider.Entra;
using Postrider.Mail;
using Postrider.OutlookCredentials;
using Postrider.Settings;
using Postrider.Storage;
using Postrider.Web;

namespace Postrider.OutlookAccounts;

/// <summary>Where to send the browser, or why not.</summary>
internal sealed record ConnectStart(Uri? Address, Problem? Problem);

/// <summary>Where the callback ended: a page of the hub to go to, or a problem to show at once.</summary>
/// <param name="Path">From the root of the hub, with its leading slash.</param>
/// <param name="Connected">The account's name, when a consent was stored.</param>
internal sealed record ConnectEnd(string? Path, Problem? Problem, string? Connected = null);

/// <summary>What the person decided when somebody else than the Username had signed in.</summary>
internal enum OtherAccountAnswer
{
    /// <summary>A shared mailbox: keep the Username, use this person's token.</summary>
    KeepUserName,
    /// <summary>A mistake: choose another account.</summary>
    SignInAgain,
    /// <summary>The server is to be this person's mailbox.</summary>
    ChangeUserName,
}

internal static class OtherAccountAnswers
{
    /// <returns>Null for a word that is no answer.</returns>
    public static OtherAccountAnswer? Of(string? word) => word switch
    {
        "keep" => OtherAccountAnswer.KeepUserName,
        "again" => OtherAccountAnswer.SignInAgain,
        "change" => OtherAccountAnswer.ChangeUserName,
        _ => null,
    };
}

/// <summary>Connects an Outlook account to a server: docs/flows/connect-an-account.md. Step numbers are those of that page.</summary>
internal sealed class OutlookConnect(
    HubDatabase database, IEnumerable<IConnectTarget> targets, ConnectRequestStore requests, OutlookAccountStore accounts, OutlookCredentialStore credentials,
    EntraAuthority authority, EntraClient entra, IdTokens idTokens, SystemParameters parameters, IHttpContextAccessor http, TimeProvider clock, ILogger<OutlookConnect> log)
{
    // Binds the attempt to this browser, besides the signed-in user. Lax: Microsoft's redirect is a top-level navigation.
    private const string BindingCookie = "postrider.connect";

    /// <summary>Step 2: a single-use request is stored, and the browser goes to Microsoft.</summary>
    /// <param name="selectAccount">Microsoft asks which account, without a hint: for a second try with another one.</param>
    public async Task<ConnectStart> StartAsync(string kind, Guid targetId, Viewer viewer, bool selectAccount, CancellationToken cancellationToken)
    {
        if (targets.FirstOrDefault(target => target.Kind == kind) is not { } side || await side.FindAsync(targetId, cancellationToken) is not { } target)
            return new(null, OutlookAccountsProblems.TargetGone);
        var application = await credentials.ReadAsync(cancellationToken);
        if (!application.IsComplete) return new(null, OutlookCredentialsProblems.NotEntered);
        var context = http.HttpContext ?? throw new InvalidOperationException("Connecting begins in a browser's request.");
        if (BaseUrlProblem(context.Request) is { } elsewhere) return new(null, elsewhere);

        var (state, binding, secrets) = (ConnectSecrets.Chance(), ConnectSecrets.Chance(), ConnectSecrets.Make());
        var now = clock.GetUtcNow();
        var request = new ConnectRequest
        {
            Id = Ids.New(clock), BindingHash = ConnectSecrets.Hash(Bind(context, binding)!), Kind = kind, TargetId = targetId, UserId = viewer.UserId,
            ClientId = application.ClientId, RedirectUri = credentials.RedirectUri.AbsoluteUri, CreatedAt = now, ExpiresAt = now + ConnectRequest.Life,
        };
        await requests.PutAsync(request, state, secrets, cancellationToken);
        context.Response.Cookies.Append(BindingCookie, binding, new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = context.Request.IsHttps, IsEssential = true, MaxAge = ConnectRequest.Life, Path = "/microsoft_outlook" });
        return new(EntraClient.AuthorizeAddress(authority.Endpoints, new AuthorizeRequest(application.ClientId, credentials.RedirectUri, state, secrets.Nonce, secrets.CodeChallenge, target.UserName.ToString(), selectAccount)), null);
    }

    public Task<ConnectStart> StartAsync(string kind, Guid targetId, Viewer viewer, CancellationToken cancellationToken) => StartAsync(kind, targetId, viewer, selectAccount: false, cancellationToken);

    /// <summary>Step 4: Microsoft sent the browser back.</summary>
    /// <param name="viewer">Null when nobody is signed in.</param>
    public async Task<ConnectEnd> ReturnAsync(IQueryCollection query, Viewer? viewer, CancellationToken cancellationToken)
    {
        // 4a the request exists, is unused and belongs to this session, whose user may still connect
        string? state = query["state"];
        var request = state is { Length: > 0 and <= 200 } ? await requests.FindByStateAsync(state, cancellationToken) : null;
        var decision = CallbackDecision.Of(state, query["code"], query["error"], query["error_description"], request, MayConnect(viewer, request) ? viewer!.UserId : null, Bind(http.HttpContext, http.HttpContext?.Request.Cookies[BindingCookie]), clock.GetUtcNow());
        if (decision is CallbackDecision.Refuse { Problem: var refusal })
        {
            OutlookAccountsLog.NotConnected(log, refusal.Code, null);
            return new(null, refusal);
        }

        if (targets.FirstOrDefault(side => side.Kind == request!.Kind) is not { } side || await side.FindAsync(request!.TargetId, cancellationToken) is not { } target)
            return new(null, OutlookAccountsProblems.TargetGone);

        if (decision is CallbackDecision.Declined declined)
        {
            var diagnosis = SignInDoctor.Explain(TokenAnswerReader.ReadRedirect(declined.Error, declined.Description));
            return await FailAsync(request!, side, diagnosis.Problem, cancellationToken);
        }

        if (await requests.TakeAsync(request!.Id, ConnectPhase.CameBack, null, cancellationToken) is not { } secrets) return new(null, OutlookAccountsProblems.StateUsed);

        // 4b code exchanged
        var (application, missing) = await credentials.OpenAsync(cancellationToken);
        if (application is null) return await FailAsync(request, side, missing!, cancellationToken);
        if (application.ClientId != request.ClientId) return await FailAsync(request, side, OutlookAccountsProblems.OtherApplication, cancellationToken);
        var (endpoints, askedAt) = (authority.Endpoints, clock.GetUtcNow());
        var answer = await entra.RedeemCodeAsync(endpoints, application, ((CallbackDecision.Redeem)decision).Code, secrets.CodeVerifier, new Uri(request.RedirectUri), cancellationToken);
        if (answer.Value is not { } tokens)
        {
            if (answer.Diagnosis!.Scope == FaultScope.Application) await database.WriteAsync(tx => credentials.NoteProblem(tx, answer.Diagnosis.Problem, askedAt), cancellationToken);
            return await FailAsync(request, side, answer.Diagnosis.Problem, cancellationToken);
        }

        if (tokens.RefreshToken is null) return await FailAsync(request, side, OutlookAccountsProblems.NoRefreshToken, cancellationToken);
        if (!OutlookScopes.Grants(tokens.Scope, side.Permission)) return await FailAsync(request, side, OutlookAccountsProblems.PermissionNotGranted(side.Permission), cancellationToken);

        // 4c id_token validated
        var identity = await idTokens.ValidateAsync(endpoints, tokens.IdToken ?? "", request.ClientId, secrets.Nonce, cancellationToken);
        if (identity.Value is not { } person) return await FailAsync(request, side, identity.Diagnosis!.Problem, cancellationToken);

        // 4d who consented is compared with the Username; a difference is asked about, and nothing is stored as an account before the answer
        if (!IsMailboxOf(person, target.UserName))
        {
            if (side.IsOwnMailbox) return await FailAsync(request, side, OutlookAccountsProblems.NotYourMailbox(person.UserName ?? person.Email ?? person.Name ?? "", target.UserName), cancellationToken);
            await requests.AskAsync(request.Id, new PendingConsent(person, tokens), cancellationToken);
            return new($"/microsoft_outlook/another-account/{request.Id:D}", null);
        }

        return await StoreAndProveAsync(request, side, target.UserName, person, tokens, changeUserName: false, cancellationToken);
    }

    /// <summary>What the question page shows; null when there is nothing (any more) to ask this viewer.</summary>
    public async Task<(ConnectRequest Request, ConnectTarget Target, SignedInAccount Person)?> QuestionAsync(Guid id, Viewer viewer, CancellationToken cancellationToken)
    {
        if (await requests.FindAsync(id, cancellationToken) is not { Phase: ConnectPhase.Asks } request || request.UserId != viewer.UserId) return null;
        if (await requests.OpenPendingAsync(id, cancellationToken) is not { } pending) return null;
        if (targets.FirstOrDefault(side => side.Kind == request.Kind) is not { } side || await side.FindAsync(request.TargetId, cancellationToken) is not { } target) return null;
        return (request, target, pending.Person);
    }

    /// <summary>The answer to "another account signed in".</summary>
    /// <returns>An address to send the browser to (Microsoft's, to sign in again), or where it ended.</returns>
    public async Task<(Uri? Address, ConnectEnd? End)> AnswerAsync(Guid id, OtherAccountAnswer answer, Viewer viewer, CancellationToken cancellationToken)
    {
        if (await QuestionAsync(id, viewer, cancellationToken) is not var (request, target, person)) return (null, new(null, OutlookAccountsProblems.StateExpired));
        var side = targets.First(candidate => candidate.Kind == request.Kind);
        if (answer == OtherAccountAnswer.SignInAgain)
        {
            await requests.EndAsync(id, ConnectPhase.Failed, null, cancellationToken);
            var start = await StartAsync(request.Kind, request.TargetId, viewer, selectAccount: true, cancellationToken);
            return start.Address is { } address ? (address, null) : (null, new(side.PagePath(target.Id), start.Problem));
        }

        if (await requests.OpenPendingAsync(id, cancellationToken) is not { } pending) return (null, new(null, OutlookAccountsProblems.StateExpired));
        var change = answer == OtherAccountAnswer.ChangeUserName && MailboxOf(person) is not null;
        return (null, await StoreAndProveAsync(request, side, change ? MailboxOf(person)! : target.UserName, person, pending.Tokens, change, cancellationToken));
    }

    /// <summary>The address of the mailbox a person signed in with; null when neither name is an address.</summary>
    public static EmailAddress? MailboxOf(SignedInAccount person) =>
        EmailAddress.TryParse(person.UserName, out var name) ? name : EmailAddress.TryParse(person.Email, out var email) ? email : null;

    private bool MayConnect(Viewer? viewer, ConnectRequest? request) =>
        viewer is { IsSettings: true } || (viewer is not null && targets.Any(target => target.Kind == request?.Kind && target.IsOwnMailbox));

    private async Task<ConnectEnd> StoreAndProveAsync(ConnectRequest request, IConnectTarget side, EmailAddress mailbox, SignedInAccount person, TokenAnswer tokens, bool changeUserName, CancellationToken cancellationToken)
    {
        // 4e tokens sealed, one transaction
        var newId = Ids.New(clock);
        var account = await database.WriteAsync<OutlookAccountId?>(tx =>
        {
            if (!ConnectRequestStore.End(tx, request.Id, ConnectPhase.Done, null)) return null;
            var id = accounts.Connect(tx, newId, person, tokens, request.ClientId, request.UserId);
            if (changeUserName) side.ChangeUserName(tx, request.TargetId, mailbox);
            side.Connected(tx, request.TargetId, id);
            credentials.ClearProblem(tx);
            return id;
        }, cancellationToken);
        if (account is not { } connected) return new(null, OutlookAccountsProblems.StateUsed);

        // 5 the connection is proved by logging in; what is wrong stays with the server and is shown on its page
        if (await side.ProveAsync(request.TargetId, cancellationToken) is null)
            await database.WriteAsync(tx => accounts.MarkProved(tx, connected, mailbox, side.Protocol), cancellationToken);

        // 6 back to the same record
        return new(side.PagePath(request.TargetId), null, person.UserName ?? mailbox.ToString());
    }

    private async Task<ConnectEnd> FailAsync(ConnectRequest request, IConnectTarget side, Problem problem, CancellationToken cancellationToken)
    {
        OutlookAccountsLog.NotConnected(log, problem.Code, problem.Detail);
        await requests.EndAsync(request.Id, ConnectPhase.Failed, problem, cancellationToken);
        return new(side.PagePath(request.TargetId), null);
    }

    // To this browser by its cookie, and to this sign-in: signing out ends the attempt.
    private static string? Bind(HttpContext? context, string? cookie) =>
        string.IsNullOrEmpty(cookie) || context is null ? null : $"{cookie}.{Viewer.Of(context)?.SessionId}";

    // An address and a sign-in name of one person often differ in case only; anything else is for the person to say.
    private static bool IsMailboxOf(SignedInAccount person, EmailAddress mailbox) =>
        (EmailAddress.TryParse(person.UserName, out var name) && name.Equals(mailbox)) || (EmailAddress.TryParse(person.Email, out var email) && email.Equals(mailbox));

    // Microsoft sends the browser to web.base.url: at another address there would be neither session nor binding, only a puzzling page.
    private Problem? BaseUrlProblem(HttpRequest request)
    {
        var expected = parameters.BaseUrl.Authority;
        return string.Equals(request.Host.Value, expected, StringComparison.OrdinalIgnoreCase) ? null : OutlookAccountsProblems.BaseUrlNotHere(request.Host.Value ?? "", parameters.BaseUrl.GetLeftPart(UriPartial.Authority));
    }
}
