using Microsoft.AspNetCore.Antiforgery;
using Postrider.Sandbox.Entra;

namespace Postrider.Sandbox.Portal;

/// <summary>Who may see which page, and which forms are ours. One filter per circle of pages, so no page can forget to ask.</summary>
internal static class PortalGate
{
    /// <summary>Posted forms must carry the token of a page of ours; an outdated page is told so instead of a bare 400.</summary>
    public static RouteGroupBuilder WithOwnForms(this RouteGroupBuilder group)
    {
        group.AddEndpointFilter(async (call, next) =>
        {
            var http = call.HttpContext;
            if (HttpMethods.IsPost(http.Request.Method))
            {
                if (!http.Request.HasFormContentType) return Results.StatusCode(StatusCodes.Status415UnsupportedMediaType);
                bool ours;
                try
                {
                    ours = await http.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(http);
                }
                catch (AntiforgeryValidationException unread) when (unread.InnerException is BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge })
                {
                    return SayPage.Show(http, StatusCodes.Status413PayloadTooLarge, "That is too large", "Nothing was changed or sent. Go back and send less at once.", http.Request.Path, "Back to the form");
                }
                if (!ours)
                    return SayPage.Show(http, StatusCodes.Status400BadRequest, "This page is out of date", "Nothing was changed. Open the page again and repeat what you did.", "/", "Home");
            }
            return await next(call);
        });
        return group;
    }

    public static RouteGroupBuilder ForSignedIn(this RouteGroupBuilder group)
    {
        group.AddEndpointFilter(async (call, next) =>
        {
            var http = call.HttpContext;
            if (http.RequestServices.GetRequiredService<PortalAccount>().Find(http) is not { } visit)
                return Results.Redirect(SignInSessions.SignInPath + "?return=" + Uri.EscapeDataString(HttpMethods.IsGet(http.Request.Method) ? http.Request.Path + http.Request.QueryString : "/"));
            http.Features.Set(visit);
            return await next(call);
        });
        return group;
    }

    /// <summary>Inside <see cref="ForSignedIn"/>.</summary>
    public static RouteGroupBuilder ForAdministrators(this RouteGroupBuilder group)
    {
        group.AddEndpointFilter(async (call, next) =>
            PortalVisit.Of(call.HttpContext).Administers ? await next(call) : Page.Show<RefusedPage>(call.HttpContext, status: StatusCodes.Status403Forbidden));
        return group;
    }
}
