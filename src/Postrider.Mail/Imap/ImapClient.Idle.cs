using Postrider.Mail.Wire;

namespace Postrider.Mail.Imap;

/// <summary>Waiting for news.</summary>
public sealed partial class ImapClient
{
    // Between NOOPs where IDLE is not offered.
    private static readonly TimeSpan PollPause = TimeSpan.FromSeconds(30);

    /// <summary>IDLE until the mailbox changes (true), <paramref name="atMost"/> passes (false) or the line breaks; renewed by itself. Falls back to NOOP when IDLE is not offered.</summary>
    /// <remarks>True at once when a change was reported while another command ran and no search has been made since.</remarks>
    public async Task<ImapResult<bool>> IdleAsync(TimeSpan atMost, CancellationToken cancel)
    {
        var began = _options.Clock.GetTimestamp();
        while (true)
        {
            if (_changed)
            {
                _changed = false;
                return new(true, null);
            }
            var left = atMost - _options.Clock.GetElapsedTime(began);
            if (left <= TimeSpan.Zero) return new(false, null);
            ImapFailure? failure;
            if (_capabilities.Contains("IDLE") || _capabilities.Contains("IMAP4rev2")) failure = await IdleOnceAsync(Min(left, _options.IdleRenewal), cancel);
            else
            {
                await Task.Delay(Min(left, PollPause), _options.Clock, cancel);
                failure = (await NoopAsync(cancel)).Failure;
            }
            if (failure is not null) return new(false, failure);
        }
    }

    private async Task<ImapFailure?> IdleOnceAsync(TimeSpan atMost, CancellationToken cancel) => await GuardedAsync("IDLE", async () =>
    {
        _dialogue.Arm(_options.CommandTimeout, cancel);
        using var over = new CancellationTokenSource(atMost, _options.Clock);
        var tag = _dialogue.NextTag();
        await _dialogue.SendLineAsync(tag + " IDLE");
        var timeIsUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = over.Token.Register(timeIsUp.SetResult);
        var idling = false;
        var done = false;
        while (true)
        {
            // The read is never cancelled by the renewal: it stays under way while DONE is written.
            var next = _dialogue.NextAsync().AsTask();
            if (idling && !done && await Task.WhenAny(next, timeIsUp.Task) != next)
            {
                done = true;
                await DoneAsync(cancel);
            }
            // A read that was under way when DONE was written began without a time limit.
            var response = await next.WaitAsync(_dialogue.Token);
            Observe(response);
            if (response is ImapResponse.Continuation && !idling)
            {
                idling = true;
                _dialogue.Arm(null, cancel);
            }
            if (IsBye(response, "IDLE") is { } bye) return bye;
            if (response is ImapResponse.State { Tag: not null } final)
            {
                CheckTag(final, tag);
                return final.Status == ImapStatus.Ok ? null : Refused("IDLE", final);
            }
            if (idling && !done && _changed)
            {
                done = true;
                await DoneAsync(cancel);
            }
        }
    });

    private async Task DoneAsync(CancellationToken cancel)
    {
        _dialogue.Arm(_options.CommandTimeout, cancel);
        await _dialogue.SendLineAsync("DONE");
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
