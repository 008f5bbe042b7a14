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
