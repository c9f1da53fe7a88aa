namespace Postrider.Sandbox.Portal.SignIn;

/// <summary>Where a sign-in page posts to, and what it carries along unseen from step to step.</summary>
/// <param name="Action">Path on this host; the request being served (client, scope, state) is best kept on the server and named by <paramref name="Hidden"/>.</param>
public sealed record SignInForm(string Action, IReadOnlyDictionary<string, string>? Hidden = null);

/// <summary>A line of the account picker.</summary>
/// <param name="Value">What the button posts as <c>account</c>.</param>
/// <param name="SignedIn">False: the password is asked next.</param>
public sealed record AccountChoice(string Value, string Name, string Address, bool SignedIn);

/// <summary>One permission as the person is asked for it.</summary>
public sealed record ConsentItem(string Title, string Detail);
