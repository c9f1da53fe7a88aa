using Postrider.Sandbox.Exchange;

namespace Postrider.Sandbox.Outlook;

/// <summary>The addresses of a mailbox's pages.</summary>
internal static class OutlookAddress
{
    public static string Of(Mailbox mailbox) => "/outlook/" + Uri.EscapeDataString(mailbox.Address.ToString());

    public static string Of(Mailbox mailbox, MailFolder folder, uint? before = null)
    {
        var query = folder.Name == Mailbox.InboxName ? QueryString.Empty : QueryString.Create("folder", folder.Name);
        return Of(mailbox) + (before is { } uid ? query.Add("before", Text(uid)) : query);
    }

    /// <param name="what">Empty for the message's page; "/html", "/source" or "/attachment" for what belongs to it.</param>
    public static string Of(Mailbox mailbox, MailFolder folder, uint uid, string what = "", params (string Name, string? Value)[] more)
    {
        var query = QueryString.Create("folder", folder.Name).Add("uid", Text(uid));
        foreach (var (name, value) in more)
            if (value is not null) query = query.Add(name, value);
        return Of(mailbox) + "/message" + what + query;
    }

    public static string Answer(Mailbox mailbox, MailFolder folder, uint uid, bool all) =>
        Of(mailbox) + "/compose" + QueryString.Create("folder", folder.Name).Add("answer", Text(uid)).Add("all", all ? "true" : "false");

    private static string Text(uint uid) => uid.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
