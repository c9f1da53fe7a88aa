using System.Net;

namespace Postrider.Sandbox;

/// <summary>Answers only to the names by which a person reaches it: a web page elsewhere that points its own name at this machine (DNS rebinding) gets nothing, neither passwords nor the control API.</summary>
internal sealed class KnownHosts
{
    private readonly RequestDelegate next;
    private readonly IPAddress address;

    public KnownHosts(RequestDelegate next, IPAddress address) => (this.next, this.address) = (next, address);

    public Task InvokeAsync(HttpContext http)
    {
        var host = http.Request.Host.Host.Trim('[', ']');
        // An address can be named by its number only; a listener on all of them is for a network that the owner chose.
        var known = host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host, out var named) && (IPAddress.IsLoopback(named) || !IPAddress.IsLoopback(address)))
            || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
        if (known) return next(http);
        http.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
        return http.Response.WriteAsync("The sandbox answers to localhost and 127.0.0.1.", http.RequestAborted);
    }
}
