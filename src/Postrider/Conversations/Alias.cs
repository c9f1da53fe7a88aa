using System.Globalization;
using System.Text;
using Postrider.Mail;
using Postrider.Web;
using T = Postrider.Conversations.AliasesTexts;

namespace Postrider.Conversations;

public readonly record struct AliasId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>Whose mail an alias takes.</summary>
public enum ContactRule
{
    Everyone,
    /// <summary>People the hub has exchanged mail with, and its users.</summary>
    KnownContacts,
    /// <summary>For something new the hub's users: each of them sees every inbox. For an answer also whoever follows the conversation or takes part in it.</summary>
    Followers,
}

/// <summary>An address whose mail begins conversations in an inbox.</summary>
/// <param name="Name">The part before the @, in lower case.</param>
/// <param name="Domain">In its ASCII form; empty: any domain that counts as the hub's own.</param>
/// <param name="Refusal">What a refused sender is told; null: the usual words.</param>
/// <param name="Active">False: archived, it takes no mail.</param>
public sealed record Alias(AliasId Id, string Name, string Domain, InboxId Inbox, string InboxName, ContactRule Rule, string? Refusal, bool Active)
{
    /// <summary><c>sales@example.com</c>, or <c>sales</c> where any domain is meant.</summary>
    public string Address => Domain.Length == 0 ? Name : $"{Name}@{Domain}";
}

/// <summary>What the form and the API give.</summary>
/// <param name="Rule"><c>everyone</c>, <c>known-contacts</c> or <c>followers</c>; null: everyone.</param>
/// <param name="Active">Null: true.</param>
public sealed record AliasDraft(string? Name, string? Domain, Guid? Inbox, string? Rule, string? Refusal, bool? Active);

/// <summary>A draft that may be stored.</summary>
internal sealed record AliasSettings(string Name, string Domain, InboxId Inbox, ContactRule Rule, string? Refusal, bool Active)
{
    public const int MaxRefusalLength = 2000;

    /// <summary>Checks a draft. Errors are keyed by the field they belong to.</summary>
    /// <param name="catchall">The hub's catchall address; null: none is set.</param>
    /// <param name="bounce">The hub's bounce address; null: none is set.</param>
    public static (AliasSettings? Settings, IReadOnlyDictionary<string, string> Errors) Check(AliasDraft draft, EmailAddress? catchall, EmailAddress? bounce)
    {
        ArgumentNullException.ThrowIfNull(draft);
        Dictionary<string, string> errors = [];
        var (name, named) = AliasName.Of(draft.Name);
        if (name.Length == 0) errors["name"] = T.NameMissing;
        else if (!EmailAddress.TryParse(name + "@example.com", out _)) errors["name"] = T.NameUnusable;

        // Whoever enters a whole address means its domain.
        var domain = "";
        var given = string.IsNullOrWhiteSpace(draft.Domain) ? named : draft.Domain.Trim();
        if (given.Length > 0)
        {
            if (given.Contains('@', StringComparison.Ordinal) || !given.Contains('.', StringComparison.Ordinal) || !EmailAddress.TryParse("a@" + given, out var of)) errors["domain"] = T.DomainUnusable;
            else domain = of.Normalized[2..];
        }

        foreach (var (own, why) in new[] { (catchall, T.NameIsCatchall), (bounce, T.NameIsBounce) })
            if (own is not null && name == AliasName.LocalPartOf(own) && (domain.Length == 0 || domain == AliasName.DomainOf(own))) errors["name"] = why;

        if (draft.Inbox is null) errors["inbox"] = T.InboxMissing;
        var rule = ContactRules.Read(draft.Rule);
        if (rule is null) errors["rule"] = T.RuleUnknown;
        var refusal = string.IsNullOrWhiteSpace(draft.Refusal) ? null : draft.Refusal.ReplaceLineEndings("\n").Trim();
        if (refusal?.Length > MaxRefusalLength) errors["refusal"] = T.RefusalTooLong.With(MaxRefusalLength);
        return (errors.Count > 0 ? null : new AliasSettings(name, domain, new InboxId(draft.Inbox!.Value), rule!.Value, refusal, draft.Active ?? true), errors);
    }
}

internal static class ContactRules
{
    public static string Word(this ContactRule rule) => rule switch
    {
        ContactRule.KnownContacts => "known-contacts",
        ContactRule.Followers => "followers",
        _ => "everyone",
    };

    /// <returns>Null when it is no rule. Nothing given is everyone.</returns>
    public static ContactRule? Read(string? word) => word?.Trim().ToLowerInvariant() switch
    {
        null or "" or "everyone" => ContactRule.Everyone,
        // What Odoo calls them is understood as well: lists of aliases come from there.
        "known-contacts" or "known contacts" or "known" or "contacts" or "partners" => ContactRule.KnownContacts,
        "followers" => ContactRule.Followers,
        _ => null,
    };
}

/// <summary>Makes the part before an @ of what a person typed. Pure.</summary>
internal static class AliasName
{
    /// <summary>Lower case, without accents; what cannot stand in an address becomes a hyphen, dots neither begin, end nor follow each other.</summary>
    /// <returns>The name, and the domain when a whole address was given; each may be empty.</returns>
    public static (string Name, string Domain) Of(string? text)
    {
        var given = (text ?? "").Trim();
        var at = given.LastIndexOf('@');
        var domain = at < 0 ? "" : given[(at + 1)..].Trim();
        var local = (at < 0 ? given : given[..at]).Normalize(NormalizationForm.FormD);
        var clean = new StringBuilder(local.Length);
        foreach (var c in local)
        {
            if (CharUnicodeInfo.GetUnicodeCategory(c) == UnicodeCategory.NonSpacingMark) continue;
            var lower = char.ToLowerInvariant(c);
            if (lower == '.')
            {
                if (clean.Length > 0 && clean[^1] != '.') clean.Append('.');
            }
            else if (lower switch { 'ß' => "ss", 'æ' => "ae", 'œ' => "oe", 'ø' => "o", 'ł' => "l", 'đ' => "d", _ => null } is { } letters) clean.Append(letters);
            else if (char.IsAsciiLetterOrDigit(lower) || "!#$%&'*+-/=?^_`{|}~".Contains(lower, StringComparison.Ordinal)) clean.Append(lower);
            else if (clean.Length == 0 || clean[^1] != '-') clean.Append('-');
        }

        var name = clean.ToString().Trim('.');
        return (name.Trim('-').Length == 0 ? "" : name, domain);
    }

    /// <summary>In lower case, as aliases are kept.</summary>
    public static string LocalPartOf(EmailAddress address) => address.LocalPart.ToLowerInvariant();

    /// <summary>The part before the plus, in lower case; the whole local part where there is none.</summary>
    public static string PlusLess(EmailAddress address)
    {
        var local = LocalPartOf(address);
        var plus = local.IndexOf('+', StringComparison.Ordinal);
        return plus > 0 ? local[..plus] : local;
    }

    /// <summary>In its ASCII form.</summary>
    public static string DomainOf(EmailAddress address) => address.Wire[(address.Wire.LastIndexOf('@') + 1)..];

    /// <summary>Of a list with commas, as <c>mail.catchall.domain.allowed</c> holds it: each in its ASCII form.</summary>
    public static IEnumerable<string> DomainsOf(string? list) => (list ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(DomainOf);

    /// <summary>In its ASCII form; in lower case where it is none that an address can have.</summary>
    public static string DomainOf(string domain) => EmailAddress.TryParse("a@" + domain, out var address) ? DomainOf(address) : domain.ToLowerInvariant();
}
