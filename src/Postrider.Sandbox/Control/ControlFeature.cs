namespace Postrider.Sandbox.Control;

internal static class ControlFeature
{
    public static void MapControl(this IEndpointRouteBuilder routes) => routes.MapGroup("/control");
}
