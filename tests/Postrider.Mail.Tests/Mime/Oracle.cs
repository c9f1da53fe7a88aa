using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postrider.Mail.Mime;

namespace Postrider.Mail.Tests.Mime;

/// <summary>What two other parsers say about a corpus file (oracle.json): Python's email package, and Dovecot's ENVELOPE and BODYSTRUCTURE where it was asked.</summary>
internal sealed class Oracle
{
    public sealed record Verdict(string File, string Field, bool Agrees, string Expected, string Actual);

    public static IEnumerable<Verdict> Compare(string folder)
    {
        using var oracle = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "oracle.json")));
        foreach (var entry in oracle.RootElement.EnumerateObject())
        {
            var path = Path.Combine(folder, "files", entry.Name);
            if (!File.Exists(path) || !entry.Value.TryGetProperty("python", out var python)) continue;
            var dovecot = entry.Value.TryGetProperty("dovecot", out var text) && text.ValueKind == JsonValueKind.String ? Dovecot.Read(text.GetString()!) : null;
            foreach (var verdict in Compare(MimeMessage.Read(File.ReadAllBytes(path)), python, dovecot)) yield return verdict with { File = Path.GetFileName(folder) + "/" + entry.Name };
        }
    }

    private static IEnumerable<Verdict> Compare(MimeMessage message, JsonElement python, Dovecot? dovecot)
    {
        if (Text(python, "subject") is { } subject && (dovecot is null || dovecot.IsEncoded(dovecot.Subject) || Collapsed(dovecot.Subject) == Collapsed(subject)))
            yield return Verdicts("subject", Collapsed(subject), Collapsed(message.Subject));
        foreach (var (name, ours, theirs) in new[] { ("from", message.From, dovecot?.From), ("to", message.To, dovecot?.To), ("cc", message.Cc, dovecot?.Cc), ("reply-to", message.ReplyTo, null) })
        {
            if (!python.TryGetProperty(name, out var list)) continue;
            var addresses = string.Join(' ', list.EnumerateArray().Select(a => a[1].GetString()!.Replace("\"", "").ToLowerInvariant()));
            if (theirs is not null && theirs != addresses) continue;
            yield return Verdicts(name, addresses, string.Join(' ', ours.Select(a => a.Address.LocalPart + "@" + a.Address.Domain)).ToLowerInvariant());
            // Python does not take the comment of "ann@example.com (Ann)" for a name.
            if (name == "from" && list.GetArrayLength() == 1 && ours.Count == 1 && Collapsed(list[0][0].GetString()) is { Length: > 0 } display)
                yield return Verdicts("from-name", display, Collapsed(ours[0].Name));
        }
        if (python.TryGetProperty("date_epoch", out var date) && date.ValueKind == JsonValueKind.Number) yield return Verdicts("date", date.ToString(), message.Date?.ToUnixTimeSeconds().ToString());
        if (Text(python, "message_id") is { } id) yield return Verdicts("message-id", id.Trim().Trim('<', '>'), message.MessageId ?? "");

        var parts = PythonParts(python);
        var types = string.Join(' ', parts.Select(p => p.GetProperty("type").GetString()));
        if (dovecot is not null && dovecot.Types != types) yield break;
        var leaves = Corpora.Parts(message.Root).ToList();
        yield return Verdicts("parts", types, string.Join(' ', leaves.Select(p => p.MediaType)));
        if (parts.Count != leaves.Count) yield break;
        yield return Verdicts("attachments", Names(parts.Select(p => Text(p, "filename"))), Names(leaves.Select(p => p.FileName)));
        for (var i = 0; i < parts.Count; i++)
        {
            if (Text(parts[i], "text_sha1") is { } textHash)
                yield return Verdicts("text", textHash + " " + Text(parts[i], "text_head"), Hash(Encoding.UTF8.GetBytes(Collapsed(leaves[i].DecodeText()))) + " " + Head(leaves[i].DecodeText()));
            // Of a multipart without a single part Python gives its text, we the bytes.
            if (Text(parts[i], "sha1") is { } hash && !leaves[i].IsMultipart) yield return Verdicts("bytes", hash, Hash(leaves[i].DecodeBytes()));
        }
    }

    /// <summary>Python looks into message/delivery-status and its like; for us they are leaves.</summary>
    private static List<JsonElement> PythonParts(JsonElement python)
    {
        var kept = new List<JsonElement>();
        var all = python.GetProperty("parts").EnumerateArray().ToList();
        for (var i = 0; i < all.Count; i = Next(i)) kept.Add(all[i]);
        return kept;

        int Next(int i)
        {
            var type = all[i].GetProperty("type").GetString()!;
            return type.StartsWith("message/", StringComparison.Ordinal) && type is not ("message/rfc822" or "message/global") ? SubtreeEnd(i) : i + 1;
        }

        int SubtreeEnd(int i)
        {
            var children = all[i].TryGetProperty("n", out var n) ? n.GetInt32() : 0;
            for (i++; children > 0 && i < all.Count; children--) i = SubtreeEnd(i);
            return i;
        }
    }

    private static Verdict Verdicts(string field, string? expected, string? actual) => new("", field, expected == actual, expected ?? "", actual ?? "");

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    internal static string Collapsed(string? text) => string.Join(' ', (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static string Head(string text) => Collapsed(text) is { Length: > 80 } longer ? longer[..80] : Collapsed(text);

    private static string Names(IEnumerable<string?> names) => string.Join('|', names.Where(n => n is not null).Select(Collapsed));

#pragma warning disable CA5350 // The oracle's hashes are SHA-1; nothing is protected by them.
    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA1.HashData(bytes));
#pragma warning restore CA5350
}
