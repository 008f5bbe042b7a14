//! Headers as a host hands them over.

/// Header names with values, as they arrived.
pub type Headers = [(Vec<u8>, Vec<u8>)];

/// The value of a header, without the white space around it.
pub fn header<'h>(headers: &'h Headers, name: &str) -> Option<&'h [u8]> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value.trim_ascii())
}

/// Whether a content type names a character set in which the bytes of ASCII may mean something else: clients decode by it (httpx
/// reads events that say `charset=utf-7`), and what they read is not what was looked at.
pub(crate) fn is_in_foreign_letters(content_type: &[u8]) -> bool {
    const FAMILIAR: [&[u8]; 4] = [b"utf-8", b"utf8", b"us-ascii", b"ascii"];
    const FAMILIES: [&[u8]; 4] = [b"iso-8859-", b"iso8859-", b"latin", b"windows-125"];
    let mut parameters = content_type.split(|&byte| byte == b';').skip(1);
    parameters.any(|parameter| {
        let mut parts = parameter
            .splitn(2, |&byte| byte == b'=')
            .map(<[u8]>::trim_ascii);
        let is_charset = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(b"charset"));
        let value = parts.next().unwrap_or_default().to_ascii_lowercase();
        let value = value.strip_prefix(b"\"").unwrap_or(&value);
        let value = value.strip_suffix(b"\"").unwrap_or(value);
        is_charset
            && !value.is_empty()
            && !FAMILIAR.contains(&value)
            && !FAMILIES.iter().any(|family| value.starts_with(family))
    })
}

/// Whether a content type is `application/json` in UTF-8. Other parameters are refused: servers decode whatever
/// `charset` says, and who knows what else.
pub(crate) fn is_json(content_type: &[u8]) -> bool {
    let mut parts = content_type
        .split(|&byte| byte == b';')
        .map(<[u8]>::trim_ascii);
    let media_type = parts.next().unwrap_or_default();
    let mut charsets = 0_u32;
    let parameters = parts.all(|parameter| {
        charsets = charsets.saturating_add(1);
        let known: [&[u8]; 4] = [
            b"charset=utf-8",
            b"charset=utf8",
            b"charset=\"utf-8\"",
            b"charset=\"utf8\"",
        ];
        known
            .iter()
            .any(|known| parameter.eq_ignore_ascii_case(known))
    });
    media_type.eq_ignore_ascii_case(b"application/json") && parameters && charsets <= 1
}
