using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Postrider.Mail.Mime;
using Postrider.OutgoingServers;
using Postrider.Settings;
using Postrider.Web;

namespace Postrider.OutgoingMail;

/// <summary>A file that a mail names by an address instead of carrying it.</summary>
/// <param name="Size">Bytes.</param>
/// <param name="Downloads">How often it was fetched.</param>
/// <param name="RevokedAt">Null: nobody has ended it.</param>
/// <param name="Times">When it was fetched, the newest first; at most <see cref="DownloadLinkStore.TimesKept"/> are kept, and fewer read.</param>
public sealed record DownloadLink(Guid Id, string FileName, long Size, DateTimeOffset ExpiresAt, int Downloads, DateTimeOffset? RevokedAt, IReadOnlyList<DateTimeOffset> Times)
{
    public bool IsGood(DateTimeOffset now) => RevokedAt is null && now < ExpiresAt;

    /// <summary><c>good</c>, <c>expired</c> or <c>revoked</c>.</summary>
    public string Word(DateTimeOffset now) => RevokedAt is not null ? "revoked" : now < ExpiresAt ? "good" : "expired";
}

/// <summary>A link that is about to be stored with its mail.</summary>
/// <param name="Body">Where the bytes are stored already; null: they are stored with the link.</param>
internal sealed record NewDownloadLink(DraftAttachment File, long Size, Guid? Body, byte[] TokenHash, Uri Address);

/// <summary>Which files of a mail become links, and what the mail says of them. Pure: docs/decisions/0014.</summary>
internal static class LinkedFiles
{
    private const int TokenBytes = 32;

    /// <summary>Over so many bytes the files of a mail through this server go as links: its own number or the parameter's, and never more than the server or this hub takes.</summary>
    public static long LimitOf(OutgoingServer server, SystemParameters parameters)
    {
        var limit = Math.Min(1024L * 1024 * (server.MaxEmailSize ?? parameters.DefaultMaxEmailMegabytes), OutgoingMessageRules.MaxBytes(parameters));
        return server.SizeLimit is > 0 and var taken && taken < limit ? taken : limit;
    }

    /// <summary>Places of the attachments that go as links: all of them, but for what the HTML shows, when the whole would be larger than the limit. Empty: the mail goes as it is.</summary>
    public static IReadOnlyList<int> Of(OutgoingMessage message, long limit) => OutgoingMessageRules.EstimateBytes(message, without: []) <= limit ? [] : Candidates(message);

    /// <summary>Places of the attachments that may go as links.</summary>
    public static IReadOnlyList<int> Candidates(OutgoingMessage message) =>
        message.Report is not null ? [] : [.. Enumerable.Range(0, message.Attachments.Count).Where(place => message.Attachments[place].ContentId is null)];

    /// <summary>256 random bits: nobody guesses an address, and the database holds only what they hash to.</summary>
    public static (string Token, byte[] Hash) NewToken()
    {
        var token = WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(TokenBytes));
        return (token, HashOf(token));
    }

    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>The message without those files, and with their addresses in each of its texts.</summary>
    public static OutgoingMessage WithLinks(OutgoingMessage message, IReadOnlyList<NewDownloadLink> links, DateTimeOffset expiresAt)
    {
        var until = OutgoingMailTexts.LinksInMail.With(expiresAt.ToUniversalTime().ToString("d MMMM yyyy", CultureInfo.InvariantCulture));
        var plain = new StringBuilder();
        var html = new StringBuilder().Append("<hr><p>").Append(WebUtility.HtmlEncode(until)).Append("</p><ul>");
        plain.Append("\n\n").Append(until).Append('\n');
        foreach (var link in links)
        {
            var name = $"{link.File.FileName} ({ByteSize.Of(link.Size, CultureInfo.InvariantCulture)})";
            plain.Append('\n').Append(name).Append('\n').Append(link.Address).Append('\n');
            html.Append("<li><a href=\"").Append(WebUtility.HtmlEncode(link.Address.AbsoluteUri)).Append("\">").Append(WebUtility.HtmlEncode(name)).Append("</a></li>");
        }

        html.Append("</ul>");
        var linked = links.Select(link => link.File).ToHashSet(ReferenceEqualityComparer.Instance);
        var stays = Enumerable.Range(0, message.Attachments.Count).Where(place => !linked.Contains(message.Attachments[place])).ToList();
        return message with
        {
            Attachments = [.. stays.Select(place => message.Attachments[place])],
            StoredFiles = [.. stays.Select(place => message.StoredFiles.ElementAtOrDefault(place))],
            Text = message.Text is not null || message.Html is null ? (message.Text?.TrimEnd() + plain).TrimStart() : null,
            Html = message.Html is { } given ? Into(given, html.ToString()) : null,
        };
    }

    // Behind </body> some programs show nothing.
    private static string Into(string html, string addition)
    {
        var end = html.LastIndexOf("</body", StringComparison.OrdinalIgnoreCase);
        return end < 0 ? html + addition : html.Insert(end, addition);
    }
}
