using System.Text.Json;

namespace Postrider.Sandbox.Entra;

/// <summary>Refresh tokens over a restart, by the hashes of their values: one JSON line each, written before the client has the token. Used under the lock of <see cref="Grants"/>.</summary>
internal sealed class RefreshTokenFile
{
    private readonly string path;
    private readonly TimeProvider clock;

    public RefreshTokenFile(string path, TimeProvider clock) => (this.path, this.clock) = (path, clock);

    private sealed record Line(string Key, RefreshToken Token);

    /// <summary>Leaves out what has been idle for so long that nobody asks why any more, so that the file does not grow for ever.</summary>
    public IReadOnlyList<(string Key, RefreshToken Token)> Load()
    {
        if (!File.Exists(path)) return [];
        var alive = new List<Line>();
        foreach (var text in File.ReadLines(path))
        {
            // The last line may have been cut short by a crash; its token never reached a client.
            if (!text.EndsWith('}') || JsonSerializer.Deserialize<Line>(text) is not { } line) continue;
            if (clock.GetUtcNow() - line.Token.IssuedAt < 2 * Grants.RefreshIdleLife) alive.Add(line);
        }
        Kept.WriteOwnerOnly(path, string.Concat(alive.Select(l => JsonSerializer.Serialize(l) + "\n")));
        return [.. alive.Select(l => (l.Key, l.Token))];
    }

    public void Add(string key, RefreshToken token)
    {
        if (!File.Exists(path)) Kept.WriteOwnerOnly(path, "");
        File.AppendAllText(path, JsonSerializer.Serialize(new Line(key, token)) + "\n");
    }
}
