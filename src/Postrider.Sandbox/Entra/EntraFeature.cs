namespace Postrider.Sandbox.Entra;

/// <summary>What of Entra a running tenant has.</summary>
internal static class EntraFeature
{
    public static void AddEntra(this IServiceCollection services)
    {
        services.AddSingleton<SignInSessions>(s => new(s.GetRequiredService<Directories.EntraDirectory>()));
        services.AddSingleton<PendingSignIns>();
        services.AddSingleton<TokenRules>();
        services.AddSingleton<SignInEndpoints>();
    }

    public static void MapEntra(this IEndpointRouteBuilder routes)
    {
        SignInEndpoints.Map(routes);
        TokenEndpoint.Map(routes);
        MetadataEndpoints.Map(routes);
    }
}
