namespace Postrider.OutlookAccounts;

/// <summary>An account is (tenant, person); this is its short name here.</summary>
public readonly record struct OutlookAccountId(Guid Value);
