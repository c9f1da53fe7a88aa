using System.Buffers.Text;
using System.Security.Cryptography;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>A sign-in under way.</summary>
/// <param name="Browser">The browser session that was shown the page; a form posted by another one is refused.</param>
/// <param name="Request">Null when the portal itself asked.</param>
/// <param name="ReturnTo">Path on this site to go to when <paramref name="Request"/> is null.</param>
/// <param name="User">Null until the account is known.</param>
/// <param name="Asked">What the consent page showed; null before it.</param>
internal sealed record PendingSignIn(string Browser, AuthorizeRequest? Request, string ReturnTo, DateTimeOffset StartedAt, DirectoryUser? User = null, IReadOnlyList<ApiPermission>? Asked = null);

/// <summary>Sign-ins under way, by the random name that their forms carry.</summary>
internal sealed class PendingSignIns
{
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);
    private const int MaxKept = 10_000;

    private readonly Lock gate = new();
    private readonly TimeProvider clock;
    private readonly Dictionary<string, PendingSignIn> pending = [];
    private readonly Queue<string> inOrder = new();

    public PendingSignIns(TimeProvider clock) => this.clock = clock;

    public string Start(string browser, AuthorizeRequest? request, string returnTo)
    {
        var name = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(24));
        lock (gate)
        {
            pending.Add(name, new(browser, request, returnTo, clock.GetUtcNow()));
            inOrder.Enqueue(name);
            while (inOrder.Count > MaxKept) pending.Remove(inOrder.Dequeue());
        }
        return name;
    }

    /// <summary>Null when it is unknown, too old or another browser's.</summary>
    public PendingSignIn? Find(string? name, string browser)
    {
        if (name is null) return null;
        lock (gate) return pending.TryGetValue(name, out var found) && found.Browser == browser && clock.GetUtcNow() - found.StartedAt < Life ? found : null;
    }

    public void Keep(string name, PendingSignIn now)
    {
        lock (gate) if (pending.ContainsKey(name)) pending[name] = now;
    }

    /// <summary>Ends it; false when it had ended before, so that one consent gives one code.</summary>
    public bool End(string name) { lock (gate) return pending.Remove(name); }
}
