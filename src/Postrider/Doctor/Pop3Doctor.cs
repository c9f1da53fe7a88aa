using Postrider.Mail;
using Postrider.Mail.Pop3;
using Postrider.Web;

namespace Postrider.Doctor;

/// <summary>Explains what a POP3 server refused.</summary>
internal static class Pop3Doctor
{
    private const string Administrator = "administrator";

    public static Diagnosis Explain(Pop3Failure failure, string host, int port)
    {
        switch (failure)
        {
            case { Code: "IN-USE" }:
                return Server("pop3-in-use", "Another program is reading the maildrop.", failure, "Nothing to do at first: Postrider tries again. If it lasts, stop the other program, or let only one of them read this maildrop.", Administrator, true);
            case { Code: "LOGIN-DELAY" }:
                return Server("pop3-login-delay", "The server wants a pause between two visits.", failure, "Nothing to do: Postrider waits.", "nobody", true);
            case { Command: "UIDL", Kind: WireFailureKind.CommandRefused, IsPassing: false }:
                return Server("pop3-no-unique-ids", "The server gives its messages no unique ids (UIDL).", failure, "Without them nobody can tell a new message from an old one: read this mailbox by IMAP.", Administrator, false);
        }
        if (WireDoctor.Explain(failure.Kind, host, port, failure.ServerText ?? failure.Detail) is { } wire) return wire;
        return failure.Kind == WireFailureKind.AuthenticationRefused
            ? Server("pop3-sign-in-refused", "The server refused the sign-in.", failure, "Check Username and password; some servers let POP3 in only when it is switched on for the mailbox.", Administrator, true)
            : Server("pop3-refused", $"The server refused {failure.Command}.", failure, "Read what the server wrote.", Administrator, true);
    }

    private static Diagnosis Server(string code, string what, Pop3Failure failure, string remedy, string who, bool retries) =>
        new(new Problem(code, what, failure.ServerText ?? failure.Detail, remedy, who, retries), FaultScope.Server);
}
