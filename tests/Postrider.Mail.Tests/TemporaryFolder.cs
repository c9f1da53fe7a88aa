namespace Postrider.Mail.Tests;

/// <summary>A folder of its own for one test, removed with all it holds.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("postrider-test-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Puts a file there.</summary>
    /// <returns>Its whole path.</returns>
    public string Write(string name, string content)
    {
        var path = File(name);
        System.IO.File.WriteAllText(path, content);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
