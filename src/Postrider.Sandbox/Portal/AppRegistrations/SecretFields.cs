using System.Globalization;

namespace Postrider.Sandbox.Portal.AppRegistrations;

/// <summary>The form <i>Add a client secret</i> as it was filled in.</summary>
/// <param name="Expires">Days as digits, or "custom".</param>
/// <param name="End">Of a custom choice, as a date field posts it: 2027-05-31.</param>
public sealed record SecretFields(string Description, string Expires, string End)
{
    private const int MaxDescription = 120;

    public static SecretFields Empty { get; } = new("", "180", "");

    public static IReadOnlyList<(string Value, string Text)> Choices { get; } =
    [
        ("180", "Recommended: 180 days (6 months)"),
        ("90", "90 days (3 months)"),
        ("365", "365 days (12 months)"),
        ("545", "545 days (18 months)"),
        ("730", "730 days (24 months)"),
        ("custom", "Custom"),
    ];

    internal static SecretFields Read(IFormCollection form)
    {
        var expires = form["expires"].ToString();
        return new(form["description"].ToString(), Choices.Any(c => c.Value == expires) ? expires : Empty.Expires, form["end"].ToString());
    }

    /// <returns>Null when the custom date is missing or none.</returns>
    internal DateTimeOffset? EndAt(DateTimeOffset now)
    {
        if (Expires != "custom") return now.AddDays(int.Parse(Expires, CultureInfo.InvariantCulture));
        // The last second of the chosen day, so that a secret is good on the day that was named.
        return DateOnly.TryParseExact(End, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? new DateTimeOffset(day, new TimeOnly(23, 59, 59), TimeSpan.Zero)
            : null;
    }

    internal SecretProblems Check(DateTimeOffset now) => new(
        null,
        Description.Length > MaxDescription ? $"The description can be at most {MaxDescription} characters long." : null,
        EndAt(now) is null ? "Choose the day on which the secret ends." : null);
}

/// <summary>A sentence beside each field that has to be mended; <see cref="Whole"/> is about the application, not a field.</summary>
public sealed record SecretProblems(string? Whole, string? Description, string? End)
{
    public static SecretProblems None { get; } = new(null, null, null);
    public bool Any => this != None;
}
