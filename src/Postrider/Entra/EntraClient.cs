using System.Net;
using System.Security.Authentication;
using Postrider.Doctor;
using Postrider.Web;

namespace Postrider.Entra;

/// <summary>A value, or why there is none: the explanation, and the refusal as it came where one came.</summary>
internal sealed record EntraResult<T>(T? Value, Diagnosis? Diagnosis, SignInFailure? Raw = null)
    where T : class;

/// <summary>The application as it presents itself at the token endpoint. ToString shows no secret.</summary>
internal sealed record ApplicationCredential(string ClientId, string ClientSecret)
{
    public override string ToString() => ClientId;
}

/// <summary>Talks to Microsoft's OAuth endpoints by plain form posts. Typed client of IHttpClientFactory; the handler trusts the hub's extra roots and follows no redirects.</summary>
internal sealed class EntraClient(HttpClient http)
{
    // A token answer is a few kilobytes. More than this is no token answer, and is not read into memory.
    private const int MaxAnswerBytes = 1024 * 1024;

    /// <summary>Where the browser goes. The secret, the verifier and the nonce's owner stay here.</summary>
    public static Uri AuthorizeAddress(EntraEndpoints endpoints, AuthorizeRequest request)
    {
        var query = new List<KeyValuePair<string, string>>
        {
            new("client_id", request.ClientId),
            new("response_type", "code"),
            new("redirect_uri", request.RedirectUri.AbsoluteUri),
            new("response_mode", "query"),
            new("scope", OutlookScopes.Requested),
            new("state", request.State),
            new("nonce", request.Nonce),
            new("code_challenge", request.CodeChallenge),
            new("code_challenge_method", "S256"),
        };
        // The two contradict each other: Microsoft would skip the choice for the hinted account.
        query.Add(request.SelectAccount || request.LoginHint is null ? new("prompt", "select_account") : new("login_hint", request.LoginHint));
        return new UriBuilder(endpoints.Authorize) { Query = string.Join('&', query.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}")) }.Uri;
    }

    public Task<EntraResult<TokenAnswer>> RedeemCodeAsync(EntraEndpoints endpoints, ApplicationCredential application, string code, string codeVerifier, Uri redirectUri, CancellationToken cancel) =>
        AskAsync(endpoints, application,
            [new("grant_type", "authorization_code"), new("code", code), new("code_verifier", codeVerifier), new("redirect_uri", redirectUri.AbsoluteUri)], cancel);

    public Task<EntraResult<TokenAnswer>> RefreshAsync(EntraEndpoints endpoints, ApplicationCredential application, string refreshToken, CancellationToken cancel) =>
        AskAsync(endpoints, application, [new("grant_type", "refresh_token"), new("refresh_token", refreshToken)], cancel);

    private async Task<EntraResult<TokenAnswer>> AskAsync(EntraEndpoints endpoints, ApplicationCredential application, IEnumerable<KeyValuePair<string, string>> grant, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoints.Token)
        {
            Content = new FormUrlEncodedContent([.. grant, new("client_id", application.ClientId), new("client_secret", application.ClientSecret), new("scope", OutlookScopes.Requested)]),
        };
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
            var body = await ReadCappedAsync(response, cancel);
            var retryAfter = RetryAfterOf(response);
            if (body is null) return Failed<TokenAnswer>(new SignInFailure((int)response.StatusCode, "", null, [], "The answer was too long.", retryAfter));
            var (answer, failure) = TokenAnswerReader.Read((int)response.StatusCode, body.Value, retryAfter);
            return answer is not null ? new(answer, null) : Failed<TokenAnswer>(failure!);
        }
        catch (Exception error) when (Unreachable(error, endpoints.Token, cancel) is not null)
        {
            return new(null, Unreachable(error, endpoints.Token, cancel));
        }
    }

    /// <summary>A JSON document of discovery or keys; null with a diagnosis when it could not be had.</summary>
    public async Task<EntraResult<string>> GetDocumentAsync(Uri address, CancellationToken cancel)
    {
        try
        {
            using var response = await http.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancel);
            var body = await ReadCappedAsync(response, cancel);
            if (response.StatusCode != HttpStatusCode.OK || body is null)
                return Failed<string>(new SignInFailure((int)response.StatusCode, "server_error", null, [], $"{address.Host} gave no usable document.", RetryAfterOf(response)));
            return new(System.Text.Encoding.UTF8.GetString(body.Value.Span), null);
        }
        catch (Exception error) when (Unreachable(error, address, cancel) is not null)
        {
            return new(null, Unreachable(error, address, cancel));
        }
    }

    private static EntraResult<T> Failed<T>(SignInFailure failure)
        where T : class => new(null, SignInDoctor.Explain(failure), failure);

    private static async Task<ReadOnlyMemory<byte>?> ReadCappedAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        if (response.Content.Headers.ContentLength > MaxAnswerBytes) return null;
        await using var stream = await response.Content.ReadAsStreamAsync(cancel);
        using var kept = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancel)) > 0)
        {
            if (kept.Length + read > MaxAnswerBytes) return null;
            kept.Write(buffer, 0, read);
        }

        return kept.ToArray();
    }

    private static TimeSpan? RetryAfterOf(HttpResponseMessage response) =>
        // The date form is left aside: it needs both clocks to agree.
        response.Headers.RetryAfter?.Delta is { } delta && delta > TimeSpan.Zero ? (delta < TimeSpan.FromHours(1) ? delta : TimeSpan.FromHours(1)) : null;

    /// <returns>Null when the exception is the caller's own cancellation or a fault of ours.</returns>
    private static Diagnosis? Unreachable(Exception error, Uri address, CancellationToken cancel)
    {
        var place = address.Authority;
        if (error is HttpRequestException { InnerException: AuthenticationException certificate })
            return new(new Problem("microsoft-certificate-not-trusted", $"The certificate of {place} is not trusted.", certificate.Message,
                "If a proxy or a sandbox stands in between, start the hub with the file of its certificate authority; otherwise somebody may be listening in, and nothing was sent.", "administrator", true), FaultScope.Passing);
        if (error is HttpRequestException or IOException)
            return new(new Problem("microsoft-unreachable", $"Microsoft's sign-in at {place} cannot be reached.", error.Message, "Check this machine's way to the internet, its proxy and firewall.", "administrator", true), FaultScope.Passing);
        if (error is OperationCanceledException && !cancel.IsCancellationRequested)
            return new(new Problem("microsoft-unreachable", $"Microsoft's sign-in at {place} did not answer in time.", null, "Nothing to do at first: Postrider tries again. Check this machine's way to the internet.", "administrator", true), FaultScope.Passing);
        return null;
    }
}

/// <summary>What one connect attempt asks of the authorize page.</summary>
/// <param name="LoginHint">The mailbox's address, so that the right account is offered; null for none.</param>
/// <param name="SelectAccount">Ask which account, and give no hint.</param>
internal sealed record AuthorizeRequest(string ClientId, Uri RedirectUri, string State, string Nonce, string CodeChallenge, string? LoginHint, bool SelectAccount);
