namespace Postrider.Bench;

/// <summary>The messages of the corpora that POSTRIDER_CORPORA names, in memory.</summary>
internal static class CorpusMessages
{
    private static readonly string[] Folders =
        ["bounces-sisimai", "ham-spamassassin", "mime-cpython", "mime-enmime", "mime-mime4j", "mime-mimekit", "mime-nodemailer", "mime-rubymail", "mime-stalwart", "mime-zbateson", "reply-talon"];

    // Beside the messages lie the parts that others took out of them, as text, XML and JSON.
    private static readonly HashSet<string> NoMessages = new(StringComparer.OrdinalIgnoreCase) { ".xml", ".json", ".out", ".html", ".bin", ".list", ".dat", ".rtf", ".doc", ".jpg", ".tnef", ".md" };

    /// <exception cref="InvalidOperationException">The variable names no folder.</exception>
    public static IReadOnlyList<byte[]> Load()
    {
        var root = Environment.GetEnvironmentVariable("POSTRIDER_CORPORA");
        if (string.IsNullOrEmpty(root) || !Directory.Exists(root)) throw new InvalidOperationException("POSTRIDER_CORPORA does not name a folder of test messages.");
        return
        [
            .. Folders.Select(f => Path.Combine(root, f, "files")).Where(Directory.Exists)
                .SelectMany(f => Directory.EnumerateFiles(f, "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal)
                .Where(f => !NoMessages.Contains(Path.GetExtension(f)) && !f.Contains("_decoded", StringComparison.Ordinal)).Select(File.ReadAllBytes),
        ];
    }
}
