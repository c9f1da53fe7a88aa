using Postrider.Storage;

namespace Postrider.Web;

/// <summary>What can go wrong with any request.</summary>
internal static class WebProblems
{
    public static Problem NotFound { get; } = new("not-found", WebTexts.NotFoundWhat, null, WebTexts.NotFoundRemedy, "you", RetriesByItself: false);
    public static Problem Forbidden { get; } = new("forbidden", WebTexts.ForbiddenWhat, null, WebTexts.ForbiddenRemedy, "administrator", RetriesByItself: false);
    public static Problem NotSignedIn { get; } = new("not-signed-in", WebTexts.SignInWhat, null, WebTexts.SignInRemedy, "you", RetriesByItself: false);
    public static Problem CrossSite { get; } = new("cross-site-request", WebTexts.CrossSiteWhat, null, WebTexts.CrossSiteRemedy, "you", RetriesByItself: false);
    public static Problem FormExpired { get; } = new("form-expired", WebTexts.FormExpiredWhat, null, WebTexts.FormExpiredRemedy, "you", RetriesByItself: false);
    public static Problem TooMany { get; } = new("too-many-requests", WebTexts.TooManyWhat, null, WebTexts.TooManyRemedy, "you", RetriesByItself: false);
    public static Problem NotUnderstood { get; } = new("request-not-understood", WebTexts.NotUnderstoodWhat, null, WebTexts.NotUnderstoodRemedy, "you", RetriesByItself: false);
    public static Problem TooLarge { get; } = new("request-too-large", WebTexts.TooLargeWhat, null, WebTexts.TooLargeRemedy, "you", RetriesByItself: false);

    private static readonly Problem StorageFull = new("storage-full", WebTexts.StorageFullWhat, null, WebTexts.StorageFullRemedy, "administrator", RetriesByItself: false);
    private static readonly Problem StorageBusy = new("storage-busy", WebTexts.StorageBusyWhat, null, WebTexts.StorageBusyRemedy, "administrator", RetriesByItself: false);
    private static readonly Problem StorageUnreachable = new("storage-unreachable", WebTexts.StorageUnreachableWhat, null, WebTexts.StorageUnreachableRemedy, "administrator", RetriesByItself: false);
    private static readonly Problem StorageFailing = new("storage-failing", WebTexts.StorageFailingWhat, null, WebTexts.StorageFailingRemedy, "administrator", RetriesByItself: false);
    private static readonly Problem StorageInDoubt = new("storage-in-doubt", WebTexts.StorageInDoubtWhat, null, WebTexts.StorageInDoubtRemedy, "you", RetriesByItself: false);

    /// <summary>What passes by itself, or when somebody mends disk or server.</summary>
    /// <returns>Null for anything else: a fault.</returns>
    public static Problem? OfStorage(Exception failure) => StorageTroubles.Of(failure) switch
    {
        StorageTrouble.Full => StorageFull,
        StorageTrouble.Busy => StorageBusy,
        StorageTrouble.Unreachable => StorageUnreachable,
        StorageTrouble.Failing => StorageFailing,
        StorageTrouble.InDoubt => StorageInDoubt,
        _ => null,
    };

    /// <param name="id">Of the request, as it stands in the log.</param>
    public static Problem Broken(string id) => new("internal-error", WebTexts.BrokenWhat, WebTexts.BrokenDetail.With(id), WebTexts.BrokenRemedy, "administrator", RetriesByItself: false);
}
