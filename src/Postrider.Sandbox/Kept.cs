using System.Text;

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
