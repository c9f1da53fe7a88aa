using System.Collections.Concurrent;

namespace Postrider.Users;

/// <summary>Slows down guessing: refused sign-ins are counted for each account and for each address they come from.</summary>
internal sealed class SignInLimit(TimeProvider clock)
{
    public const int TriesOfAnAccount = 10;
    /// <summary>More than for an account: a whole office may come from one address.</summary>
    public const int TriesOfAnAddress = 30;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);
    // Names are the guesser's choice: the table must not grow with them.
    private const int MaxEntries = 20_000;

    private readonly ConcurrentDictionary<string, Tries> refused = new(StringComparer.Ordinal);

    public bool Admits(string account, string address) =>
        Count("account " + account.ToLowerInvariant()) < TriesOfAnAccount && Count("address " + address) < TriesOfAnAddress;

    public void Refused(string account, string address)
    {
        if (refused.Count >= MaxEntries) Forget();
        Add("account " + account.ToLowerInvariant());
        Add("address " + address);
    }

    /// <summary>The account's owner is there: its guesses no longer count. The address's do.</summary>
    public void Succeeded(string account) => refused.TryRemove("account " + account.ToLowerInvariant(), out _);

    private int Count(string key) => refused.TryGetValue(key, out var tries) && clock.GetUtcNow() - tries.Since < Window ? tries.Count : 0;

    private void Add(string key)
    {
        var now = clock.GetUtcNow();
        refused.AddOrUpdate(key, _ => new Tries(now, 1), (_, old) => now - old.Since < Window ? old with { Count = old.Count + 1 } : new Tries(now, 1));
    }

    private void Forget()
    {
        var now = clock.GetUtcNow();
        foreach (var (key, tries) in refused)
            if (now - tries.Since >= Window) refused.TryRemove(key, out _);
        if (refused.Count >= MaxEntries) refused.Clear();
    }

    private sealed record Tries(DateTimeOffset Since, int Count);
}
