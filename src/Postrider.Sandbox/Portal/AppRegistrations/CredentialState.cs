using Microsoft.AspNetCore.Components;
using Postrider.Sandbox.Directories;

namespace Postrider.Sandbox.Portal.AppRegistrations;

/// <summary>How an application's secrets stand at a glance.</summary>
internal static class CredentialState
{
    // Entra's own recommendation counts a secret as expiring soon for its last 30 days.
    private static readonly TimeSpan Soon = TimeSpan.FromDays(30);

    /// <returns>The words, and the colour of the tag that bears them.</returns>
    public static (string Text, string Tone) Of(IReadOnlyList<ClientSecret> secrets, DateTimeOffset now)
    {
        if (secrets.Count == 0) return ("–", "");
        // With several, the one that lasts longest keeps the application running.
        var end = secrets.Max(s => s.End);
        if (end <= now) return ("Expired", "bad");
        return end - now <= Soon ? ("Expiring soon", "warn") : ("Current", "good");
    }

    public static RenderFragment Tag(IReadOnlyList<ClientSecret> secrets, DateTimeOffset now) => builder =>
    {
        var (text, tone) = Of(secrets, now);
        builder.OpenElement(0, "span");
        builder.AddAttribute(1, "class", tone.Length == 0 ? "muted" : "tag " + tone);
        builder.AddContent(2, text);
        builder.CloseElement();
    };
}
