using Postrider.OutgoingMail;

namespace Postrider.Tests.OutgoingMail;

public sealed class OutboxStatesTests
{
    [Theory]
    [InlineData(OutboxState.Sent, RecipientState.Sent, RecipientState.Sent)]
    [InlineData(OutboxState.PartlySent, RecipientState.Sent, RecipientState.Refused)]
    [InlineData(OutboxState.Refused, RecipientState.Refused, RecipientState.Refused)]
    [InlineData(OutboxState.Waiting, RecipientState.Sent, RecipientState.Pending)]
    [InlineData(OutboxState.Unknown, RecipientState.Unknown, RecipientState.Pending)]
    [InlineData(OutboxState.Failed, RecipientState.Failed, RecipientState.Refused)]
    [InlineData(OutboxState.Cancelled, RecipientState.Cancelled, RecipientState.Cancelled)]
    [InlineData(OutboxState.PartlySent, RecipientState.Sent, RecipientState.Cancelled)]
    internal void A_mail_stands_where_its_recipients_stand(OutboxState expected, RecipientState one, RecipientState other) => Assert.Equal(expected, OutboxStates.Of([one, other]));
}
