using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Postrider.Tests.Conversations;

public sealed class ConversationsApiTests
{
    [Fact]
    public async Task An_idempotency_key_that_is_too_long_is_refused_and_not_passed_over()
    {
        await using var hub = await HubUnderTest.StartAsync();
        await hub.PostAsync<JsonElement>("/api/v1/outgoing-servers", new { name = "Nobody", kind = "smtp", host = "localhost", port = 1 });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/conversations") { Content = JsonContent.Create(new { to = new[] { "ben@example.org" }, subject = "Hello", text = "x" }) };
        request.Headers.Add("Idempotency-Key", new string('k', 201));

        using var answer = await hub.Browser.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("mail-idempotency-key-invalid", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        Assert.Equal(0, (await hub.GetAsync<JsonElement>("/api/v1/conversations")).GetProperty("conversations").GetArrayLength());
    }
}
