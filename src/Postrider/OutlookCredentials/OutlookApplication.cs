using System.Globalization;
using Postrider.Web;

namespace Postrider.OutlookCredentials;

/// <summary>The Azure application as a person sees it. The secret itself is not here.</summary>
public sealed record OutlookApplication
{
    /// <summary>Application (client) ID, a GUID; empty before one was entered.</summary>
    public string ClientId { get; init; } = "";
    public bool SecretIsSet { get; init; }
    /// <summary>As noted from the Azure portal; null when it was not noted.</summary>
    public DateOnly? ExpiresOn { get; init; }
    /// <summary>When the secret was entered; null without a secret.</summary>
    public DateTimeOffset? SecretAddedAt { get; init; }
    /// <summary>What stops every mailbox of the application; null when nothing does.</summary>
    public Problem? Problem { get; init; }
    /// <summary>Until then Microsoft is not asked again, since the answer would be the same.</summary>
    public DateTimeOffset? RetryAt { get; init; }
    public bool IsComplete => ClientId.Length > 0 && SecretIsSet;
}

/// <summary>How close the end of a client secret is.</summary>
internal enum SecretLife
{
    NotNoted,
    Good,
    /// <summary>60 days or less.</summary>
    EndsSoon,
    /// <summary>7 days or less.</summary>
    EndsNow,
    Ended,
}

/// <summary>The rules of what may be entered. Pure.</summary>
internal static class CredentialRules
{
    // Entra gives 40 characters; a longer text is something else that was copied.
    private const int MaxSecretLength = 500;

    /// <param name="secret">Null or empty: the stored one stays.</param>
    /// <returns>Null when it may be stored.</returns>
    public static Problem? Check(string clientId, string? secret, string? expiresOn, bool secretIsSet)
    {
        if (!IsClientId(clientId)) return OutlookCredentialsProblems.ClientIdNotGuid;
        if (!string.IsNullOrEmpty(secret))
        {
            if (Guid.TryParse(secret, out _)) return OutlookCredentialsProblems.SecretIdPasted;
            if (secret.Length > MaxSecretLength || secret.Any(c => c is <= ' ' or >= '\x7f')) return OutlookCredentialsProblems.SecretNotAllowed;
        }
        else if (!secretIsSet)
        {
            return OutlookCredentialsProblems.SecretMissing;
        }

        return string.IsNullOrWhiteSpace(expiresOn) || DayOf(expiresOn) is not null ? null : OutlookCredentialsProblems.DayNotUnderstood;
    }

    public static bool IsClientId(string text) => Guid.TryParseExact(text, "D", out _);

    /// <returns>Null when it is empty or no day.</returns>
    public static DateOnly? DayOf(string? text) => DateOnly.TryParseExact(text?.Trim(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : null;

    public static SecretLife LifeOf(DateOnly? expiresOn, DateTimeOffset now)
    {
        if (expiresOn is not { } day) return SecretLife.NotNoted;
        return (day.DayNumber - DateOnly.FromDateTime(now.UtcDateTime).DayNumber) switch
        {
            < 0 => SecretLife.Ended,
            <= 7 => SecretLife.EndsNow,
            <= 60 => SecretLife.EndsSoon,
            _ => SecretLife.Good,
        };
    }
}
