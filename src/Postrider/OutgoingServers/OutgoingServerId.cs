namespace Postrider.OutgoingServers;

internal readonly record struct OutgoingServerId(Guid Value);
