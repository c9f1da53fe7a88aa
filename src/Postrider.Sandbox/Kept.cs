using System.Text;
using System.Text.Json;

namespace Postrider.Sandbox;

/// <summary>Files that the sandbox keeps in its folder.</summary>
internal static class Kept
{
    /// <summary>Readable by its owner only, whole or not at all.</summary>
    public static void WriteOwnerOnly(string file, string text)
    {
        var beside = file + ".new";
        var how = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var stream = new FileStream(beside, how)) stream.Write(Encoding.UTF8.GetBytes(text));
        File.Move(beside, file, overwrite: true);
    }
}

/// <summary>One state of the sandbox in one JSON file, rewritten at every change.</summary>
internal sealed class KeptState<T> where T : class
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    private readonly Lock gate = new();
    private readonly string file;
    private readonly Func<T> snapshot;

    public KeptState(string file, Func<T> snapshot) => (this.file, this.snapshot) = (file, snapshot);

    /// <summary>Null when nothing was kept yet.</summary>
    /// <exception cref="IOException">The file does not hold what this version writes.</exception>
    public T? Load()
    {
        if (!File.Exists(file)) return null;
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(file), Json);
        }
        catch (JsonException e)
        {
            throw new IOException($"{file} cannot be read: {e.Message} Move it away to begin anew.", e);
        }
    }

    /// <summary>The snapshot is taken under the lock, so that the last one written is the newest.</summary>
    public void Save() { lock (gate) Kept.WriteOwnerOnly(file, JsonSerializer.Serialize(snapshot(), Json)); }
}
