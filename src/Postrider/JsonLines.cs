using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Postrider;

/// <summary>Cases in, answers out, one JSON object a line: for scripts, and for trying many cases at once.</summary>
internal static class JsonLines
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        // Read by programs, not within a page: ä and " stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    /// <summary>Every line that is not blank gets one line, in order; what cannot be read is answered with <paramref name="unreadable"/> and stops nothing.</summary>
    /// <param name="unreadable">The id where one could be read, else null; and what was wrong.</param>
    public static async Task AnswerAsync<TCase, TAnswer>(TextReader input, TextWriter output, Func<TCase, TAnswer> answer, Func<string?, string, TAnswer> unreadable, CancellationToken cancellationToken)
        where TCase : class
    {
        while (await input.ReadLineAsync(cancellationToken) is { } line)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            await output.WriteLineAsync(JsonSerializer.Serialize(Answer(line, answer, unreadable), Options).AsMemory(), cancellationToken);
        }

        await output.FlushAsync(cancellationToken);
    }

    private static TAnswer Answer<TCase, TAnswer>(string line, Func<TCase, TAnswer> answer, Func<string?, string, TAnswer> unreadable)
        where TCase : class
    {
        TCase? read;
        try
        {
            read = JsonSerializer.Deserialize<TCase>(line, Options);
        }
        catch (JsonException wrong)
        {
            // The parser's own sentence names our types.
            return unreadable(IdOf(line), $"The line cannot be read at {wrong.Path ?? "$"}, byte {wrong.BytePositionInLine}.");
        }

        return read is null ? unreadable(null, "The line is null.") : answer(read);
    }

    private static string? IdOf(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String ? id.GetString() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
