using System.Buffers.Text;
using System.Security.Cryptography;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Entra;

/// <summary>Who is signed in to Microsoft in which browser: one cookie for Entra's pages and the portal, several accounts in it.</summary>
public sealed class SignInSessions
{
    /// <summary>Where a page sends a browser in which nobody is signed in; takes <c>return</c>, a path on this site.</summary>
    public const string SignInPath = "/signin";
    /// <summary>Signs every account of the browser out.</summary>
    public const string SignOutPath = "/signout";

    private const string CookieName = "sandbox.signin";
    // More browsers than a test run opens; the oldest session gives way, so memory stays bounded.
    private const int MaxSessions = 10_000;

    private readonly Lock gate = new();
    private readonly EntraDirectory directory;
    private readonly Dictionary<string, Session> sessions = [];
    private readonly Queue<string> inOrder = new();

    internal SignInSessions(EntraDirectory directory) => this.directory = directory;

    /// <summary>The account that signed in last or was picked last in this browser, for the portal; null: nobody.</summary>
    public DirectoryUser? ActiveUser(HttpContext context)
    {
        lock (gate) return Find(context) is { Active: { } id } && directory.FindUser(id) is { IsEnabled: true } user ? user : null;
    }

    /// <summary>All accounts signed in in this browser, in order of their first sign-in.</summary>
    public IReadOnlyList<DirectoryUser> Users(HttpContext context)
    {
        lock (gate) return Find(context) is { } session ? [.. session.Accounts.Select(directory.FindUser).Where(u => u is { IsEnabled: true }).Select(u => u!)] : [];
    }

    /// <summary>The cookie's value, which binds a page's form to the browser that was shown it; sets the cookie when there is none.</summary>
    internal string BrowserOf(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Items.TryGetValue(CookieName, out var made)) return (string)made!;
        var id = context.Request.Cookies[CookieName];
        lock (gate) if (id is not null && sessions.ContainsKey(id)) return id;
        return Open(context);
    }

    /// <summary>Signs the user in, as the active one. The cookie changes, so that a value planted before is worth nothing afterwards.</summary>
    internal void SignIn(HttpContext context, DirectoryUser user)
    {
        var before = BrowserOf(context);
        lock (gate)
        {
            sessions.Remove(before, out var session);
            var id = Open(context);
            sessions[id].Accounts.AddRange([.. (session?.Accounts ?? []).Where(a => a != user.Id), user.Id]);
            sessions[id].Active = user.Id;
        }
    }

    /// <summary>Makes one of the signed-in accounts the active one; false when it is not signed in here.</summary>
    internal bool Pick(HttpContext context, Guid userId)
    {
        lock (gate)
        {
            if (Find(context) is not { } session || !session.Accounts.Contains(userId)) return false;
            session.Active = userId;
            return true;
        }
    }

    internal void SignOut(HttpContext context)
    {
        lock (gate) if (context.Request.Cookies[CookieName] is { } id) sessions.Remove(id);
        context.Response.Cookies.Delete(CookieName);
    }

    private Session? Find(HttpContext context)
    {
        var id = context.Items.TryGetValue(CookieName, out var made) ? (string)made! : context.Request.Cookies[CookieName];
        return id is null ? null : sessions.GetValueOrDefault(id);
    }

    private string Open(HttpContext context)
    {
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        lock (gate)
        {
            sessions.Add(id, new Session());
            inOrder.Enqueue(id);
            while (inOrder.Count > MaxSessions) sessions.Remove(inOrder.Dequeue());
        }
        context.Items[CookieName] = id;
        // Not Secure: http and https of the sandbox are one site to a person, and the cookie guards demonstration accounts on loopback.
        context.Response.Cookies.Append(CookieName, id, new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Path = "/", IsEssential = true });
        return id;
    }

    private sealed class Session
    {
        public List<Guid> Accounts { get; } = [];
        public Guid? Active { get; set; }
    }
}
