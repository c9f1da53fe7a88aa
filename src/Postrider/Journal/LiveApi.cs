using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Postrider.Web;

namespace Postrider.Journal;

/// <summary><c>GET /live?topic=a&amp;topic=b</c>: an event <c>changed</c> with the topic's name for each change, as server-sent events.</summary>
internal static class LiveApi
{
    private const int MaxTopics = 20;
    // Proxies cut lines on which nothing is said for a minute; and only a write finds out that the browser has gone.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(25);

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/live", (string[] topic, LiveEvents live, TimeProvider clock, IHostApplicationLifetime host, CancellationToken gone) =>
        {
            if (topic.Length is 0 or > MaxTopics || topic.Any(t => t.Length > 100)) return Problems.ToResult(WebProblems.NotUnderstood, StatusCodes.Status400BadRequest);
            return live.Subscribe(topic.ToHashSet(StringComparer.Ordinal)) is { } subscription
                ? TypedResults.ServerSentEvents(Events(subscription, clock, host.ApplicationStopping, gone))
                : Problems.ToResult(WebProblems.TooMany, StatusCodes.Status429TooManyRequests);
        }).RequireAuthorization(Policies.SignedIn).ExcludeFromDescription();

    private static async IAsyncEnumerable<SseItem<string>> Events(LiveEvents.Subscription subscription, TimeProvider clock, CancellationToken stopping, [EnumeratorCancellation] CancellationToken gone)
    {
        using var _ = subscription;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopping, gone);
        yield return new SseItem<string>("", "open");
        while (await NextAsync(subscription, clock, end.Token) is { } next) yield return next;
    }

    /// <returns>Null when the hub stops or the browser has gone.</returns>
    private static async Task<SseItem<string>?> NextAsync(LiveEvents.Subscription subscription, TimeProvider clock, CancellationToken end)
    {
        using var silence = new CancellationTokenSource(Silence, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(end, silence.Token);
        try
        {
            return new SseItem<string>(await subscription.Changes.ReadAsync(either.Token), "changed");
        }
        catch (OperationCanceledException)
        {
            return end.IsCancellationRequested ? null : new SseItem<string>("", "quiet");
        }
    }
}
