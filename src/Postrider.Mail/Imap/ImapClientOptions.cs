namespace Postrider.Mail.Imap;

public sealed record ImapClientOptions
{
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>Whole time for one command without literals.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromMinutes(2);
    /// <summary>RFC 2177 section 3 asks for less than 29 minutes.</summary>
    public TimeSpan IdleRenewal { get; init; } = TimeSpan.FromMinutes(25);
    /// <summary>Bytes of one literal; a longer one ends the connection.</summary>
    public long MaxLiteralBytes { get; init; } = 157_286_400;
    public WireTranscript? Transcript { get; init; }
}
