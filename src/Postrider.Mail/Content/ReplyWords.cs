using System.Buffers;

namespace Postrider.Mail.Content;

internal enum ReplyLabel
{
    None,
    From,
    Date,
    To,
    Subject,
    Other,
}

/// <summary>The words that mail programs put between a reply and what it answers, in their languages. Compared without case.</summary>
internal static class ReplyWords
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789");

    // Between dashes, or under a line of them.
    private static readonly string[] Dividers =
    [
        "original message", "forwarded message", "original mail", "reply message", "ursprüngliche nachricht", "originalnachricht", "weitergeleitete nachricht", "mensaje original", "mensaje reenviado", "message d'origine", "message original", "message transféré", "messaggio originale", "messaggio inoltrato",
        "oorspronkelijk bericht", "doorgestuurd bericht", "mensagem original", "mensagem encaminhada", "oprindelig meddelelse", "oprindelig besked", "videresendt besked", "ursprungligt meddelande", "originalmeddelande", "vidarebefordrat meddelande", "opprinnelig melding", "videresendt melding", "alkuperäinen viesti", "välitetty viesti",
        "wiadomość oryginalna", "oryginalna wiadomość", "původní zpráva", "pôvodná správa", "eredeti üzenet", "mesaj original", "исходное сообщение", "пересылаемое сообщение", "пересланное сообщение", "оригінальне повідомлення", "αρχικό μήνυμα", "orijinal ileti", "orijinal mesaj", "原始邮件", "原始郵件", "转发邮件", "元のメッセージ", "원본 메시지", "원본 메일",
    ];

    // With the date or an address before or behind them, and a colon at the end.
    private static readonly string[] Verbs =
    [
        " wrote", " writes", "a écrit", " schrieb", " geschrieben", "escribió", "ha scritto", "escreveu", " schreef", " skrev", "napisał", "napisał(a)", "napsal", "napísal", "написал", "пишет", "писал", "написав", "kirjoitti", " yazdı", "έγραψε", " írta", "a scris", "写道", "寫道", "이(가) 작성", "작성:", "のメール", "書きました", "wrote", " wrote:",
    ];

    // How an attribution begins that a line length may break.
    private static readonly string[] Beginnings =
    [
        "on ", "le ", "am ", "el ", "il ", "in data ", "op ", "em ", "den ", "pe ", "ma ", "ti ", "ke ", "to ", "la ", "su ", "dnia ", "w dniu ", "dne ", "в ", "at ", "---- on", "man", "tir", "ons", "tor", "fre", "lør", "søn", "mån", "tis", "fred", "lörd", "sönd", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "2", "1", "3", "0", "在", "на ", "вт", "ср", "чт", "пт", "сб", "вс", "пн",
    ];

    private static readonly (ReplyLabel Label, string[] Words)[] Labels =
    [
        (ReplyLabel.From, ["from", "von", "de", "da", "van", "från", "fra", "od", "lähettäjä", "от", "від", "kimden", "gönderen", "από", "feladó", "de la", "发件人", "寄件者", "差出人", "보낸 사람", "보낸사람", "expéditeur", "remitente", "afzender", "absender"]),
        (ReplyLabel.Date, ["sent", "date", "gesendet", "datum", "envoyé", "enviado", "enviado el", "fecha", "data", "inviato", "verzonden", "skickat", "sendt", "dato", "dato/klokkeslett", "wysłano", "wysłane", "odesláno", "lähetetty", "päivämäärä", "отправлено", "дата", "надіслано", "gönderilme", "tarih", "στάλθηκε", "ημερομηνία", "elküldve", "dátum", "trimis", "发送时间", "日期", "寄件日期", "送信日時", "日時", "보낸 날짜", "날짜", "sent on", "date d'envoi", "received"]),
        (ReplyLabel.To, ["to", "an", "à", "para", "a", "aan", "till", "til", "do", "komu", "vastaanottaja", "кому", "kime", "alıcı", "προς", "címzett", "către", "收件人", "收件者", "宛先", "받는 사람", "받는사람", "destinataire", "destinatario"]),
        (ReplyLabel.Subject, ["subject", "betreff", "objet", "asunto", "oggetto", "assunto", "onderwerp", "ämne", "emne", "temat", "předmět", "predmet", "aihe", "тема", "konu", "θέμα", "tárgy", "subiect", "主题", "主旨", "件名", "제목"]),
        (ReplyLabel.Other, ["cc", "kopie", "copie", "kopia", "cópia", "kopi", "копия", "bcc", "reply-to", "antwort an", "risposta", "responder a", "répondre à", "attachments", "anlagen", "importance", "抄送", "参照", "참조"]),
    ];

    private static readonly string[] SentFrom =
    [
        "sent from ", "sent via ", "sent with ", "sent using ", "get outlook for", "get the outlook", "envoyé depuis", "envoyé de ", "envoyé à partir", "envoyé avec", "von meinem ", "gesendet von ", "gesendet mit ", "gesendet aus", "diese nachricht wurde von mein", "enviado desde", "enviado do ", "enviado de ", "enviado a partir", "inviato da", "verzonden vanaf", "verzonden vanuit", "verstuurd vanaf",
        "sendt fra", "skickat från", "skickades från", "lähetetty ", "wysłane z", "wysłano z", "odesláno z", "poslané z", "отправлено с", "отправлено из", "надіслано з", "iphone'umdan gönderildi", "trimis de pe", "elküldve ", "στάλθηκε από", "发自我的", "從我的", "iphoneから送信", "나의 iphone에서 보냄", "obtenir outlook", "obtener outlook", "outlook für ", "scarica outlook", "télécharger outlook", "someone from mobile", "от моего", "my mobile device",
    ];

    public static bool IsDivider(string line)
    {
        var trimmed = line.Trim().Trim('*').Trim();
        if (trimmed.Length is < 8 or > 120) return false;
        var dashed = trimmed[0] is '-' or '_' or '=' or '—' or '–' or '>' || trimmed[^1] is '-' or '_' or '=' or '—';
        if (!dashed) return false;
        var words = trimmed.Trim('-', '_', '=', '—', '–', ' ', '>').TrimEnd(':').ToLowerInvariant();
        return Dividers.Contains(words, StringComparer.Ordinal);
    }

    /// <param name="alone">Nothing but a blank or quoted line follows it.</param>
    public static bool IsAttribution(string text, bool alone)
    {
        var line = text.TrimEnd('-', ' ', '\u00a0', '*');
        if (line.Length < 8) return false;
        var dated = line.AsSpan().ContainsAny(Digits);
        if (alone && dated && IsStamp(line)) return true;
        var addressed = line.Contains('@', StringComparison.Ordinal);
        if (!dated && !addressed) return false;
        var colon = line[^1] is ':' or '：';
        var lower = line.ToLowerInvariant();
        if (colon && Verbs.Any(verb => lower.Contains(verb, StringComparison.Ordinal)))
        {
            // A sentence of the writer's own may say that somebody wrote: an attribution has a day or an address in it, and no sentence's end before.
            return !lower.Contains("http", StringComparison.Ordinal) || addressed;
        }
        // Zoho puts dashes around it; others leave the colon out.
        if (Verbs.Any(verb => lower.EndsWith(verb, StringComparison.Ordinal)) && dated && addressed) return true;
        // A time, a name and an address, and no verb.
        return colon && dated && addressed && (char.IsAsciiDigit(line[0]) || Beginnings.Any(b => lower.StartsWith(b, StringComparison.Ordinal))) && lower.EndsWith(">:", StringComparison.Ordinal);
    }

    /// <summary>2016-03-03 17:21 GMT+01:00 and a name.</summary>
    private static bool IsStamp(string line) => line.Length is > 24 and < 200 && line[4] == '-' && line[7] == '-' && char.IsAsciiDigit(line[0]) && line[13] == ':' && line.AsSpan(16).TrimStart().StartsWith("GMT", StringComparison.Ordinal);

    public static bool MayBeginAttribution(string line)
    {
        var lower = line.ToLowerInvariant();
        return Beginnings.Any(b => lower.StartsWith(b, StringComparison.Ordinal)) && line.AsSpan().ContainsAny(Digits) || lower.Contains('@', StringComparison.Ordinal);
    }

    public static ReplyLabel Label(string line)
    {
        var text = line.AsSpan().TrimStart("> \t*_\u00a0");
        var colon = text.IndexOfAny(':', '：');
        if (colon is < 1 or > 24) return ReplyLabel.None;
        // In bold: "*From:* Ann" or "*From*: Ann".
        var name = new string(text[..colon].Trim(" \t*_\u00a0")).ToLowerInvariant();
        foreach (var (label, words) in Labels) if (Array.IndexOf(words, name) >= 0) return label;
        return ReplyLabel.None;
    }

    public static bool IsSentFrom(string line)
    {
        if (line.Length > 160) return false;
        var lower = line.TrimStart('*', '_', ' ', '-').ToLowerInvariant();
        return SentFrom.Any(s => lower.StartsWith(s, StringComparison.Ordinal)) || (lower.Length < 60 && (lower.EndsWith("gesendet", StringComparison.Ordinal) || lower.EndsWith("gesendet.", StringComparison.Ordinal) || lower.EndsWith("gönderildi", StringComparison.Ordinal) || lower.Contains("から送信", StringComparison.Ordinal)));
    }
}
