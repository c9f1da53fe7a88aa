namespace Postrider.Mail.Pop3;

public sealed record Pop3ClientOptions
{
    public TimeProvider Clock { get; init; } = TimeProvider.System;
    /// <summary>Whole time for connect, greeting, capabilities, STLS and TLS.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>Whole time for the answer to one command. A message may take this and a second more for each 4 KB.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromMinutes(2);
    /// <summary>Bytes of one message; a longer one ends the connection.</summary>
    public long MaxMessageBytes { get; init; } = 157_286_400;
    public WireTranscript? Transcript { get; init; }
}
