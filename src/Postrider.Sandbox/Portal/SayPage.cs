using Postrider.Sandbox.Portal.SignIn;

namespace Postrider.Sandbox.Portal;

/// <summary>A page that only says something: not found, out of date.</summary>
internal static class SayPage
{
    public static IResult Show(HttpContext http, int status, string title, string message, string linkUrl, string linkText) =>
        Page.Show<SignInErrorPage>(http, new Dictionary<string, object?>
        {
            [nameof(SignInErrorPage.Title)] = title,
            [nameof(SignInErrorPage.Message)] = message,
            [nameof(SignInErrorPage.LinkUrl)] = linkUrl,
            [nameof(SignInErrorPage.LinkText)] = linkText,
        }, status);

    public static IResult NotFound(HttpContext http) =>
        Show(http, StatusCodes.Status404NotFound, "Not found", "There is nothing at this address in this directory. It may have been deleted, or it belongs to another directory.", "/", "Home");
}
