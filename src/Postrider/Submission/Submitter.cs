using Postrider.Mail;
using Postrider.OutgoingMail;
using Postrider.Users;
using Postrider.Web;

namespace Postrider.Submission;

/// <summary>Who hands mail in over one connection.</summary>
/// <param name="PersonId">Null: a trusted network, known by its name.</param>
/// <param name="Own">The only address it may send as; null: any.</param>
internal sealed record Submitter(Guid? PersonId, string Name, EmailAddress? Own)
{
    /// <summary>Who may not change settings speaks for nobody else, as over the API.</summary>
    public static Submitter Of(Person person) => new(person.Id, person.Name, person.IsSettings ? null : EmailAddress.Parse(person.Email));

    public static Submitter OfNetwork(string name) => new(null, name, null);

    /// <param name="sender">Null: the null reverse-path, which names nobody.</param>
    /// <returns>Null when it may send as that address.</returns>
    public Problem? Check(EmailAddress? sender) => Own is null || sender is null || sender.Equals(Own) ? null : OutgoingMailProblems.FromNotYours(Own.ToString());
}
