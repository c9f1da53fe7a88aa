using Postrider.Doctor;
using Postrider.Mail;
using Postrider.Mail.Imap;
using Postrider.Web;
using T = Postrider.IncomingServers.IncomingServersTexts;

namespace Postrider.IncomingServers;

internal static class IncomingServersProblems
{
    public static Problem NotFound() => new("incoming-server-not-found", T.ServerGoneWhat, null, T.ServerGoneRemedy, "you", RetriesByItself: false);

    public static Problem Invalid(IReadOnlyDictionary<string, string> errors) => new("incoming-server-invalid", T.InvalidWhat, string.Join(" ", errors.Values), T.InvalidRemedy, "you", RetriesByItself: false);

    public static Problem IsConfirmed() => new("incoming-server-confirmed", T.IsConfirmedWhat, null, T.IsConfirmedRemedy, "you", RetriesByItself: false);

    public static Problem NotConfirmed() => new("incoming-server-not-confirmed", T.NotConfirmedWhat, null, T.NotConfirmedRemedy, "you", RetriesByItself: false);

    public static Problem ChangedMeanwhile() => new("incoming-server-changed-meanwhile", T.ChangedMeanwhileWhat, null, T.ChangedMeanwhileRemedy, "you", RetriesByItself: false);

    public static Problem NoFolders() => new("incoming-server-no-folders", T.NoFoldersWhat, null, T.NoFoldersRemedy, "you", RetriesByItself: false);

    public static Problem MoveToMissing(string folder, ImapFailure failure) => new("incoming-folder-to-move-to", T.MoveToWhat.With(folder), failure.ServerText ?? failure.Detail, T.MoveToRemedy, "administrator", RetriesByItself: false);

    public static Problem NoAccount() => new("incoming-server-no-account", T.NoAccountWhat, null, T.NoAccountRemedy, "administrator", RetriesByItself: false);

    public static Problem NoPassword() => new("incoming-server-no-password", T.NoPasswordWhat, null, T.NoPasswordRemedy, "administrator", RetriesByItself: false);

    public static Problem PasswordNotReadable() => new("incoming-server-password-not-readable", T.PasswordNotReadableWhat, null, T.PasswordNotReadableRemedy, "administrator", RetriesByItself: false);

    public static Problem Broken() => new("incoming-server-trouble", T.BrokenWhat, null, T.BrokenRemedy, "administrator", RetriesByItself: true);

    public static Problem Of(ImapFailure failure, IncomingServer server)
    {
        var said = failure.ServerText ?? failure.Detail;
        var problem = ImapDoctor.Explain(failure, server.Host, server.Port).Problem;
        if (IsNotConnected(failure)) return problem with { Remedy = server.Kind == IncomingServerKind.Outlook ? T.NotConnectedRemedy.With(server.UserName) : T.NotConnectedRemedyPlain };
        if (failure is { Kind: WireFailureKind.CommandRefused, Command: "UID MOVE" or "UID COPY" } && server.MoveTo is { } target) return MoveToMissing(target, failure) with { RetriesByItself = true };
        return failure is { Kind: WireFailureKind.CommandRefused, Command: "SELECT" }
            ? new Problem("incoming-folder-not-opened", T.FolderWhat.With(server.Folder), said, T.FolderRemedy, "administrator", RetriesByItself: true)
            : problem;
    }

    /// <summary>The access token ended before the session did: a new one mends it at once.</summary>
    public static bool IsExpiredToken(ImapFailure failure) => failure.ServerText?.Contains("AccessTokenExpired", StringComparison.OrdinalIgnoreCase) == true;

    // Exchange completes AUTHENTICATE for any good token and says only at SELECT that the mailbox stays closed.
    private static bool IsNotConnected(ImapFailure failure) => failure.ServerText?.Contains("authenticated but not connected", StringComparison.OrdinalIgnoreCase) == true;
}
