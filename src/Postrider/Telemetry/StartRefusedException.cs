namespace Postrider.Telemetry;

/// <summary>The hub cannot start as it is set up. Shown on the console without a stack trace; nothing has been changed.</summary>
#pragma warning disable RCS1194 // Without its code and remedy it would help nobody: there is one constructor.
public sealed class StartRefusedException : Exception
{
    /// <param name="code">Stable problem code, as in docs/errors.md.</param>
    /// <param name="what">One sentence on what is wrong, naming the option or file.</param>
    /// <param name="remedy">What the person who runs the hub does about it.</param>
    public StartRefusedException(string code, string what, string remedy, Exception? cause = null)
        : base($"{what} {remedy} ({code})", cause) => (Code, What, Remedy) = (code, what, remedy);

    public string Code { get; }
    public string What { get; }
    public string Remedy { get; }
}
