using Postrider.Mail;

namespace Postrider.OutgoingServers;

/// <summary>Text to read as a list of addresses: <c>postrider explain address --batch</c>.</summary>
/// <param name="Input">As a header field or a person gives it; encoded words may stand in it.</param>
internal sealed record AddressCase(string Id, string? Input)
{
    public AddressAnswer Answer()
    {
        var read = AddressList.Parse(Input);
        return new(
            Id,
            [.. read.Addresses.Select(one => new AddressAnswerMailbox(one.Name, one.Address.ToString(), one.Address.Wire))],
            // As From Filters compare: of several, none is meant.
            read.Addresses is [var only] ? only.Address.Normalized : null,
            [.. read.Defects.Select(defect => defect.Detail)]);
    }
}

/// <param name="Wire">As it stands in an SMTP command: the domain in its ASCII form.</param>
internal sealed record AddressAnswerMailbox(string? Name, string Address, string Wire);

/// <param name="Normalized">For comparing; null unless there is exactly one address.</param>
internal sealed record AddressAnswer(string? Id, IReadOnlyList<AddressAnswerMailbox> Mailboxes, string? Normalized, IReadOnlyList<string> Defects);
