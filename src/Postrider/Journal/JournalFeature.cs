namespace Postrider.Journal;

internal static class JournalFeature
{
    public static IServiceCollection AddJournal(this IServiceCollection services) =>
        services.AddSingleton<LiveEvents>().AddSingleton<JournalWriter>();

    public static void MapJournal(this IEndpointRouteBuilder routes) => LiveApi.Map(routes);
}
