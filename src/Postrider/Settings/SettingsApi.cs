using Postrider.Web;

namespace Postrider.Settings;

/// <summary><c>/api/v1/settings/general</c> and <c>/api/v1/system-parameters</c></summary>
internal static class SettingsApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var general = routes.MapGroup("/api/v1/settings/general").WithTags("Settings").RequireAuthorization(Policies.Settings);
        general.MapGet("", (SystemParameters parameters) => GeneralAnswer.Of(parameters)).WithSummary("General Settings");
        general.MapPut("", async (GeneralRequest request, GeneralSettings settings, SystemParameters parameters, Viewer viewer, CancellationToken gone) =>
            await settings.SetCustomEmailServersAsync(request.CustomEmailServers, viewer, gone) is { } problem ? Problems.ToResult(problem) : Results.Ok(GeneralAnswer.Of(parameters)))
            .WithSummary("Save General Settings; each app's settings have a route of their own").Produces<GeneralAnswer>();

        var keys = routes.MapGroup("/api/v1/system-parameters").WithTags("System parameters").RequireAuthorization(Policies.Settings);
        keys.MapGet("", (SystemParameters parameters) => new ParameterList([.. parameters.List().Select(entry => ParameterAnswer.Of(entry.Key, entry.Value))])).WithSummary("All parameters that are set");
        keys.MapGet("/{key}", (string key, SystemParameters parameters) =>
            parameters.Has(key) ? Results.Ok(ParameterAnswer.Of(key, parameters.Get(key) ?? "")) : Problems.ToResult(SettingsProblems.KeyNotFound(key))).WithSummary("One parameter").Produces<ParameterAnswer>();
        keys.MapPut("/{key}", async (string key, ParameterRequest request, SystemParameters parameters, Viewer viewer, CancellationToken gone) =>
            await parameters.SetAsync(key, request.Value ?? "", viewer.UserId, gone) is { } problem ? Problems.ToResult(problem) : Results.Ok(ParameterAnswer.Of(key, parameters.Get(key) ?? "")))
            .WithSummary("Create or change a parameter; known keys are checked").Produces<ParameterAnswer>();
        keys.MapDelete("/{key}", async (string key, SystemParameters parameters, Viewer viewer, CancellationToken gone) =>
            await parameters.DeleteAsync(key, viewer.UserId, gone) is { } problem ? Problems.ToResult(problem) : Results.NoContent()).WithSummary("Delete a parameter");
    }

    internal sealed record GeneralRequest(bool CustomEmailServers);

    /// <param name="WebBaseUrl">A system parameter; changed there.</param>
    internal sealed record GeneralAnswer(bool CustomEmailServers, string WebBaseUrl)
    {
        public static GeneralAnswer Of(SystemParameters parameters) => new(parameters.CustomEmailServers, parameters.BaseUrl.GetLeftPart(UriPartial.Authority));
    }

    internal sealed record ParameterRequest(string? Value);

    internal sealed record ParameterList(IReadOnlyList<ParameterAnswer> SystemParameters);

    /// <param name="Does">What the hub does with it. Null: nothing; the key is unknown to it.</param>
    internal sealed record ParameterAnswer(string Key, string Value, string? Does)
    {
        public static ParameterAnswer Of(string key, string value) => new(key, value, KnownParameter.Find(key)?.Does);
    }
}
