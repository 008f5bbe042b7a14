//! URIs of resources: one spelling each.
//!
//! Policies match them as text, and servers resolve them: `file:///public/../secret`, `FILE:///secret` and
//! `file:///sec%2e%2e/…` reach what their text does not say (seen with Node's `URL` and pydantic's `AnyUrl`). What a
//! resolver would change is not matched but refused.

/// Schemes whose hosts every resolver puts into lower case.
const SPECIAL: [&str; 6] = ["file", "http", "https", "ws", "wss", "ftp"];

/// Whether a URI, or the text of a URI template, means what it says to whoever resolves it. Its query is not looked at.
pub fn is_normal(uri: &str) -> bool {
    let uri = uri.split(['?', '#']).next().unwrap_or_default();
    let plain = !uri
        .chars()
        .any(|char| char.is_control() || char.is_whitespace() || is_slash(char));
    let Some((scheme, rest)) = uri.split_once(':') else {
        // No scheme: a name of the server's own, resolved by nobody.
        return plain && hides_nothing(uri);
    };
    let lower = !scheme.bytes().any(|byte| byte.is_ascii_uppercase());
    let host = rest
        .strip_prefix("//")
        .map(|rest| rest.split('/').next().unwrap_or_default());
    let host_lower = !SPECIAL.contains(&scheme)
        || host.is_none_or(|host| !host.bytes().any(|byte| byte.is_ascii_uppercase()));
    // In a file's path two slashes are one.
    let single_slashes =
        scheme != "file" || !rest.strip_prefix("//").unwrap_or(rest).contains("//");
    plain && lower && host_lower && single_slashes && hides_nothing(rest)
}

/// What parts a path for some resolvers: a backslash, and what compatibility forms (NFKC) make of other characters.
fn is_slash(char: char) -> bool {
    matches!(char, '\\' | '\u{ff0f}' | '\u{ff3c}' | '\u{fe68}')
}

/// Whether the segments of a path are the same, however often they are decoded, and none of them leads elsewhere.
fn hides_nothing(path: &str) -> bool {
    let Some(decoded) = decode(path) else {
        return false;
    };
    let leads_elsewhere = |segment: &str| {
        // As compatibility forms (NFKC) write two dots, and one.
        let dots = segment.replace('\u{2025}', "..");
        let dots = dots.replace(['\u{2024}', '\u{ff0e}', '\u{fe52}'], ".");
        dots == "." || dots == ".."
    };
    !decoded.split('/').any(leads_elsewhere)
}

/// A path without its escapes; `None` where one hides what a path is parted by, what needs no escape (`%69nternal` is `internal`), a
/// further escape, a control character, or no text at all.
fn decode(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.as_bytes().first_chunk::<2>();
        let byte = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(byte) = byte else {
            // No escape but a percent sign: some resolvers read it as one, others do not read it.
            return None;
        };
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if unreserved || byte.is_ascii_control() || matches!(byte, b'/' | b'\\' | b'%') {
            return None;
        }
        decoded.push(byte);
        decoded.extend_from_slice(part.as_bytes().get(2..)?);
    }
    let decoded = String::from_utf8(decoded).ok()?;
    (!decoded.contains(is_slash)).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_uris() {
        let normal = [
            "file:///srv/docs/a.txt",
            "file:///a..b/.hidden",
            "demo://resource/static/1",
            "https://acme.com/a?b=../c",
            "note:x",
            "postgres://USER@Host/db",
            "file:///{path}",
            "weather://city/{name}/now",
            "plain-name",
            "file:///é",
            "https://acme.com//a",
            "file:///a%20b",
            "file:///a%C3%A9",
            "https://acme.com/a?b=%2f..%69&c=a b\\c",
            "obsidian://open?vault=My Vault&file=a/../b",
            "file:///...",
        ];
        for uri in normal {
            assert!(is_normal(uri), "{uri}");
        }
        let other = [
            "file:///a/../b",
            "file:///a/..",
            "file:///./a",
            "file:///a/%2e%2E/b",
            "file:///a/.%2e/b",
            "FILE:///a",
            "https://Acme.com/",
            "file:///a\\b",
            " file:///a",
            "file:///a b",
            "file:///a\t",
            "../x",
            "file:///public/x%2f..%2f..%2fetc%2fpasswd",
            "file:///public/..%2Fetc/passwd",
            "file:///public/..%5c..%5cx",
            "file:///public/a%00.txt",
            "file:///public/a%0a.txt",
            "file:///public/%c0%ae%c0%ae/x",
            "file:///public/%252e%252e/x",
            "file:///public/100%/x",
            "file:///public/%zz",
            "file:///public/%+5",
            "file:///public/\u{2025}/x",
            "file:///public/%E2%80%A5/x",
            "file:///public/\u{ff0e}\u{ff0e}/x",
            "file:///public/..\u{ff0f}x",
            "file:///public/..%EF%BC%8Fx",
            "demo://a%2fb/x",
            "a/../b?x",
        ];
        for uri in other {
            assert!(!is_normal(uri), "{uri}");
        }
    }
}
