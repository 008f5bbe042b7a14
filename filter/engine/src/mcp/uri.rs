//! URIs of resources: one spelling each.
//!
//! Policies match them as text, and servers resolve them: `file:///public/../secret`, `FILE:///secret` and
//! `file:///sec%2e%2e/…` reach what their text does not say (seen with Node's `URL` and pydantic's `AnyUrl`). What a
//! resolver would change is not matched but refused.

/// Schemes whose hosts every resolver puts into lower case.
const SPECIAL: [&str; 6] = ["file", "http", "https", "ws", "wss", "ftp"];

/// Whether a URI, or the text of a URI template, means what it says.
pub fn is_normal(uri: &str) -> bool {
    let plain = !uri
        .chars()
        .any(|char| char.is_control() || char.is_whitespace() || char == '\\');
    let Some((scheme, rest)) = uri.split_once(':') else {
        // No scheme: a name of the server's own, resolved by nobody.
        return plain && !has_dot_segments(uri);
    };
    let lower = !scheme.bytes().any(|byte| byte.is_ascii_uppercase());
    let host = rest
        .strip_prefix("//")
        .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let host_lower = !SPECIAL.contains(&scheme)
        || host.is_none_or(|host| !host.bytes().any(|byte| byte.is_ascii_uppercase()));
    // In a file's path two slashes are one.
    let single_slashes =
        scheme != "file" || !rest.strip_prefix("//").unwrap_or(rest).contains("//");
    plain
        && lower
        && host_lower
        && single_slashes
        && !has_dot_segments(rest)
        && !hides_plain_characters(rest)
}

/// Whether a character that needs no encoding is encoded: `%69nternal` is `internal` to whoever resolves it.
fn hides_plain_characters(text: &str) -> bool {
    text.split('%').skip(1).any(|rest| {
        let byte = rest
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
        })
    })
}

/// Whether a path has a segment `.` or `..`, its dots encoded or not.
fn has_dot_segments(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|segment| {
        let decoded = segment.replace("%2e", ".").replace("%2E", ".");
        decoded == "." || decoded == ".."
    })
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
        ];
        for uri in other {
            assert!(!is_normal(uri), "{uri}");
        }
    }
}
