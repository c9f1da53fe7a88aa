using Postrider.Mail.Smtp;
using Postrider.Web;

namespace Postrider.Submission;

/// <summary>A problem in the words of SMTP (RFC 5321 section 4.2, RFC 3463): the code of the problem stands at the end of the reply.</summary>
internal static class SubmissionReplies
{
    // RFC 5321 section 4.5.3.1.5: 512 octets, its code and line end among them.
    private const int MaxText = 480;

    public static SmtpReply Of(Problem problem)
    {
        var (code, enhanced) = problem.Code switch
        {
            "submission-sign-in-refused" => (535, "5.7.8"),
            "submission-sign-in-too-often" => (454, "4.7.0"),
            "submission-not-signed-in" => (530, "5.7.0"),
            "mail-from-not-yours" => (550, "5.7.1"),
            "mail-too-large" => (552, "5.3.4"),
            "mail-too-many-recipients" => (452, "4.5.3"),
            "mail-not-convertible" => (554, "5.6.3"),
            "storage-low" or "storage-full" => (452, "4.3.1"),
            "storage-busy" or "storage-unreachable" or "storage-failing" or "storage-in-doubt" => (451, "4.3.0"),
            // An administrator mends it; the program that can wait should.
            "no-outgoing-server" => (451, "4.3.5"),
            _ => (550, "5.6.0"),
        };
        return new(code, enhanced, Text(problem));
    }

    private static string Text(Problem problem)
    {
        var end = $" ({problem.Code})";
        var said = problem.Detail is null ? $"{problem.What} {problem.Remedy}" : $"{problem.What} {problem.Detail} {problem.Remedy}";
        var plain = string.Concat(said.Select(c => c switch { '“' or '”' => '"', >= ' ' and <= '~' => c, _ => '?' }));
        return (plain.Length + end.Length <= MaxText ? plain : plain[..(MaxText - end.Length - 3)] + "...") + end;
    }
}
