using System.Collections.Frozen;

namespace Postrider.Mail.Imap;

/// <summary>Which folder is for what: by its attribute where the server has one, else by the names that Exchange, Gmail and others give in the languages of their users.</summary>
public static class ImapFolderRoles
{
    private static readonly FrozenDictionary<string, ImapFolderRole> ByAttribute = new Dictionary<string, ImapFolderRole>
    {
        ["\\All"] = ImapFolderRole.All,
        ["\\Archive"] = ImapFolderRole.Archive,
        ["\\Drafts"] = ImapFolderRole.Drafts,
        ["\\Flagged"] = ImapFolderRole.Flagged,
        ["\\Important"] = ImapFolderRole.Important,
        ["\\Junk"] = ImapFolderRole.Junk,
        ["\\Sent"] = ImapFolderRole.Sent,
        ["\\Trash"] = ImapFolderRole.Trash,
        // What XLIST called them before RFC 6154; some servers still do.
        ["\\AllMail"] = ImapFolderRole.All,
        ["\\Spam"] = ImapFolderRole.Junk,
        ["\\Starred"] = ImapFolderRole.Flagged,
        ["\\Inbox"] = ImapFolderRole.Inbox,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenDictionary<string, ImapFolderRole> ByName = new (ImapFolderRole Role, string[] Names)[]
    {
        (ImapFolderRole.Sent, ["Sent", "Sent Items", "Sent Mail", "Sent Messages", "Gesendet", "Gesendete Elemente", "Gesendete Objekte", "Éléments envoyés", "Envoyés", "Elementos enviados", "Enviados", "Itens Enviados", "Posta inviata", "Verzonden items", "Verzonden",
            "Elementy wysłane", "Wysłane", "Skickat", "Sendte elementer", "Sendt post", "Lähetetyt", "Odeslaná pošta", "Отправленные", "Надіслані", "送信済みアイテム", "已发送邮件", "寄件備份", "보낸 편지함",
            "Skickade objekt", "Sendte objekter", "Lähetetyt kohteet", "Enviadas", "Inviati", "Gönderilmiş Öğeler", "Gönderilen", "Elküldött elemek", "Απεσταλμένα", "Elemente trimise", "Odoslaná pošta", "Elements enviats", "Poslane stavke", "Poslano", "Изпратени", "Saadetud üksused", "Nosūtītie vienumi",
            "Išsiųsti laiškai", "פריטים שנשלחו", "العناصر المرسلة", "送信済み", "已发送", "已发送项目", "已傳送郵件", "รายการที่ถูกส่ง", "Mục Đã gửi", "Item Terkirim"]),
        (ImapFolderRole.Drafts, ["Drafts", "Draft", "Entwürfe", "Brouillons", "Borradores", "Rascunhos", "Bozze", "Concepten", "Kopie robocze", "Wersje robocze", "Utkast", "Kladder", "Luonnokset", "Koncepty", "Черновики", "Чернетки", "下書き", "草稿", "임시 보관함"]),
        (ImapFolderRole.Trash, ["Trash", "Deleted Items", "Deleted Messages", "Deleted", "Bin", "Papierkorb", "Gelöschte Elemente", "Gelöschte Objekte", "Éléments supprimés", "Corbeille", "Elementos eliminados", "Papelera", "Itens Excluídos", "Lixeira", "Posta eliminata", "Cestino", "Verwijderde items", "Prullenbak",
            "Elementy usunięte", "Kosz", "Borttaget", "Slettede elementer", "Slettet post", "Poistetut", "Odstraněná pošta", "Удаленные", "Видалені", "削除済みアイテム", "已删除邮件", "刪除的郵件", "지운 편지함"]),
        (ImapFolderRole.Junk, ["Junk", "Junk Email", "Junk E-mail", "Junk E-Mail", "Spam", "Bulk Mail", "Junk-E-Mail", "Courrier indésirable", "Correo no deseado", "Lixo Eletrônico", "Posta indesiderata", "Ongewenste e-mail", "Wiadomości-śmieci", "Skräppost", "Søppelpost", "Uønsket mail", "Roskaposti", "Nevyžádaná pošta",
            "Нежелательная почта", "Небажана пошта", "迷惑メール", "垃圾邮件", "垃圾郵件", "정크 메일"]),
        (ImapFolderRole.Archive, ["Archive", "Archives", "Archiv", "Archivo", "Archivo de mensajes", "Arquivo Morto", "Archivio", "Archief", "Archiwum", "Arkiv", "Arkisto", "Архив", "Архів", "アーカイブ", "存档", "封存", "보관"]),
    }.SelectMany(r => r.Names.Distinct(StringComparer.OrdinalIgnoreCase).Select(n => KeyValuePair.Create(n, r.Role))).ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>The folder for a purpose: what the server itself marks, else the uppermost one with a usual name. Null when there is none.</summary>
    public static ImapFolder? Find(IReadOnlyList<ImapFolder> folders, ImapFolderRole role) =>
        folders.FirstOrDefault(f => f.Role == role && f.IsSelectable)
        ?? folders.Where(f => f.IsSelectable && ByName.GetValueOrDefault(f.LastName) == role).MinBy(f => f.Name.Count(c => c == f.Delimiter));

    internal static ImapFolderRole OfAttribute(string attribute) => ByAttribute.GetValueOrDefault(attribute);
}
