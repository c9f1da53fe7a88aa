using Postrider.Mail;

namespace Postrider.Settings;

/// <summary>Addresses that parameters make up: <c>{mail.default.from}@{mail.catchall.domain}</c> and its kind.</summary>
internal static class OwnAddress
{
    /// <param name="local">A local part, or a whole address, which then needs no domain.</param>
    /// <returns>Null when either is missing or they make no address.</returns>
    public static EmailAddress? Of(string? local, string? domain)
    {
        if (string.IsNullOrWhiteSpace(local)) return null;
        var text = local.Contains('@', StringComparison.Ordinal) ? local : string.IsNullOrWhiteSpace(domain) ? null : $"{local}@{domain}";
        return EmailAddress.TryParse(text, out var address) ? address : null;
    }
}
