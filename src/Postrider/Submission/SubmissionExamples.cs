namespace Postrider.Submission;

/// <summary>Commands to copy that hand in one message. Pure.</summary>
internal static class SubmissionExamples
{
    public static IEnumerable<(string Id, string Label, string Text)> Of(string host, int port, bool implicitTls, bool hasCertificate, string email)
    {
        var curlTls = implicitTls || !hasCertificate ? "" : " --ssl-reqd";
        yield return ("example-curl", SubmissionTexts.Curl,
            $$"""
            printf 'From: {{email}}\r\nTo: {{email}}\r\nSubject: Hello\r\n\r\nIt works.\r\n' |
              curl {{(implicitTls ? "smtps" : "smtp")}}://{{host}}:{{port}}{{curlTls}} --user '{{email}}:prk_...' \
              --mail-from {{email}} --mail-rcpt {{email}} --upload-file -
            """);
        yield return ("example-swaks", SubmissionTexts.Swaks,
            $"""
            swaks --server {host} --port {port}{(implicitTls ? " --tls-on-connect" : hasCertificate ? " --tls" : "")} --auth PLAIN \
              --auth-user {email} --auth-password prk_... \
              --from {email} --to {email} --header 'Subject: Hello' --body 'It works.'
            """);
        yield return ("example-python", SubmissionTexts.Python,
            $"""
            import smtplib{(hasCertificate ? ", ssl" : "")}
            from email.message import EmailMessage

            message = EmailMessage()
            message["From"] = message["To"] = "{email}"
            message["Subject"] = "Hello"
            message.set_content("It works.")
            with {(implicitTls ? $"smtplib.SMTP_SSL(\"{host}\", {port}, context=ssl.create_default_context())" : $"smtplib.SMTP(\"{host}\", {port})")} as server:
            {(hasCertificate && !implicitTls ? "    server.starttls(context=ssl.create_default_context())\n" : "")}    server.login("{email}", "prk_...")
                server.send_message(message)
            """);
    }
}
