namespace Postrider.OutgoingServers;

public readonly record struct OutgoingServerId(Guid Value);
