//! Keys that only look like another key.
//!
//! Servers decode keys leniently: Go folds case (`Name`, `ſ`, `K`), others normalise (NFKC), trim, or
//! drop zero-width and control characters. Where the gate reads a protocol name, a key that *becomes*
//! that name on any such path must *be* that name.
//!
//! The tables hold what Unicode 14 NFKC case folding turns into ASCII letters or the punctuation in
//! MCP's names, and nothing else: no other character can become part of a protocol name.

/// The name, of `names`, that a lenient parser may take `key` for although it is another key. `names` must be ASCII.
///
/// The key is folded once, however many names there are: bodies may hold a megabyte of keys.
pub fn impersonated<'n>(key: &str, names: &[&'n str]) -> Option<&'n str> {
    if names.contains(&key) {
        return None;
    }
    // Nearly every key is plain ASCII.
    if key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return names
            .iter()
            .find(|name| name.eq_ignore_ascii_case(key))
            .copied();
    }
    let longest = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let folded: Vec<u8> = folded(key).take(longest.saturating_add(1)).collect();
    names
        .iter()
        .find(|name| name.as_bytes().eq_ignore_ascii_case(&folded))
        .copied()
}

/// Whether `key` is another spelling of `name` to a parser that ignores case, as Go's does: ASCII letters, and the two
/// other characters that fold to one.
pub fn is_case_variant(key: &str, name: &str) -> bool {
    if key == name {
        return false;
    }
    if key.is_ascii() && name.is_ascii() {
        return key.eq_ignore_ascii_case(name);
    }
    fold_case(key).eq(fold_case(name))
}

/// The characters of a text to a parser that ignores case.
pub fn fold_case(text: &str) -> impl Iterator<Item = char> {
    let fold = |char: char| match char {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => char,
    };
    text.chars().map(fold).flat_map(char::to_lowercase)
}

/// `key` as the most lenient parser reads it, one byte per resulting ASCII character. Characters that
/// cannot become ASCII yield 0xFF, which no name contains.
fn folded(key: &str) -> impl Iterator<Item = u8> {
    let ignorable = |char: char| is_ignorable(char) || char.is_whitespace();
    key.trim_matches(ignorable)
        .chars()
        .filter(|&char| !is_ignorable(char))
        .flat_map(|char| {
            let (single, several) = fold_char(char);
            single.into_iter().chain(several.bytes())
        })
}

fn fold_char(char: char) -> (Option<u8>, &'static str) {
    if char.is_ascii() {
        return (u8::try_from(char.to_ascii_lowercase()).ok(), "");
    }
    // Turkish dotless and dotted i: what `equalsIgnoreCase` takes for i.
    if matches!(char, '\u{130}' | '\u{131}') {
        return (Some(b'i'), "");
    }
    let code = u32::from(char);
    let after = RUNS.partition_point(|&(first, _, _)| first <= code);
    if let Some(&(first, len, to)) = after.checked_sub(1).and_then(|index| RUNS.get(index)) {
        let offset = code.saturating_sub(first);
        if offset < len {
            let folded = u32::from(to).saturating_add(offset);
            return (u8::try_from(folded).ok(), "");
        }
    }
    match LIGATURES.binary_search_by_key(&code, |&(code, _)| code) {
        Ok(index) => (None, LIGATURES.get(index).map_or("", |&(_, text)| text)),
        Err(_) => (Some(0xFF), ""),
    }
}

/// Control, format and default-ignorable characters.
fn is_ignorable(char: char) -> bool {
    matches!(
        char,
        '\0'..='\u{1f}' | '\u{7f}'
            | '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{13438}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// First code point, length of the run, ASCII character the first one folds to.
#[rustfmt::skip]
const RUNS: &[(u32, u32, char)] = &[
    (0xAA, 1, 'a'), (0xBA, 1, 'o'), (0x17F, 1, 's'), (0x2B0, 1, 'h'), (0x2B2, 1, 'j'), (0x2B3, 1, 'r'),
    (0x2B7, 1, 'w'), (0x2B8, 1, 'y'), (0x2E1, 1, 'l'), (0x2E2, 1, 's'), (0x2E3, 1, 'x'), (0x1D2C, 1, 'a'),
    (0x1D2E, 1, 'b'), (0x1D30, 2, 'd'), (0x1D33, 8, 'g'), (0x1D3C, 1, 'o'), (0x1D3E, 1, 'p'), (0x1D3F, 1, 'r'),
    (0x1D40, 2, 't'), (0x1D42, 1, 'w'), (0x1D43, 1, 'a'), (0x1D47, 1, 'b'), (0x1D48, 2, 'd'), (0x1D4D, 1, 'g'),
    (0x1D4F, 1, 'k'), (0x1D50, 1, 'm'), (0x1D52, 1, 'o'), (0x1D56, 1, 'p'), (0x1D57, 2, 't'), (0x1D5B, 1, 'v'),
    (0x1D62, 1, 'i'), (0x1D63, 1, 'r'), (0x1D64, 2, 'u'), (0x1D9C, 1, 'c'), (0x1DA0, 1, 'f'), (0x1DBB, 1, 'z'),
    (0x2024, 1, '.'), (0x2071, 1, 'i'), (0x207F, 1, 'n'), (0x2090, 1, 'a'), (0x2091, 1, 'e'), (0x2092, 1, 'o'),
    (0x2093, 1, 'x'), (0x2095, 1, 'h'), (0x2096, 4, 'k'), (0x209A, 1, 'p'), (0x209B, 2, 's'), (0x2102, 1, 'c'),
    (0x210A, 2, 'g'), (0x210C, 1, 'h'), (0x210D, 1, 'h'), (0x210E, 1, 'h'), (0x2110, 1, 'i'), (0x2111, 1, 'i'),
    (0x2112, 1, 'l'), (0x2113, 1, 'l'), (0x2115, 1, 'n'), (0x2119, 3, 'p'), (0x211C, 1, 'r'), (0x211D, 1, 'r'),
    (0x2124, 1, 'z'), (0x2128, 1, 'z'), (0x212A, 1, 'k'), (0x212C, 2, 'b'), (0x212F, 1, 'e'), (0x2130, 2, 'e'),
    (0x2133, 1, 'm'), (0x2134, 1, 'o'), (0x2139, 1, 'i'), (0x2145, 1, 'd'), (0x2146, 2, 'd'), (0x2148, 2, 'i'),
    (0x2160, 1, 'i'), (0x2164, 1, 'v'), (0x2169, 1, 'x'), (0x216C, 1, 'l'), (0x216D, 2, 'c'), (0x216F, 1, 'm'),
    (0x2170, 1, 'i'), (0x2174, 1, 'v'), (0x2179, 1, 'x'), (0x217C, 1, 'l'), (0x217D, 2, 'c'), (0x217F, 1, 'm'),
    (0x24B6, 26, 'a'), (0x24D0, 26, 'a'), (0x2C7C, 1, 'j'), (0x2C7D, 1, 'v'), (0xA7F2, 1, 'c'),
    (0xA7F3, 1, 'f'), (0xA7F4, 1, 'q'), (0xFE33, 1, '_'), (0xFE34, 1, '_'), (0xFE4D, 1, '_'), (0xFE4E, 1, '_'),
    (0xFE4F, 1, '_'), (0xFE52, 1, '.'), (0xFE63, 1, '-'), (0xFF01, 32, '!'), (0xFF21, 26, 'a'),
    (0xFF3B, 36, '['), (0x107A5, 1, 'q'), (0x1D400, 26, 'a'), (0x1D41A, 26, 'a'), (0x1D434, 26, 'a'),
    (0x1D44E, 7, 'a'), (0x1D456, 18, 'i'), (0x1D468, 26, 'a'), (0x1D482, 26, 'a'), (0x1D49C, 1, 'a'),
    (0x1D49E, 2, 'c'), (0x1D4A2, 1, 'g'), (0x1D4A5, 2, 'j'), (0x1D4A9, 4, 'n'), (0x1D4AE, 8, 's'),
    (0x1D4B6, 4, 'a'), (0x1D4BB, 1, 'f'), (0x1D4BD, 7, 'h'), (0x1D4C5, 11, 'p'), (0x1D4D0, 26, 'a'),
    (0x1D4EA, 26, 'a'), (0x1D504, 2, 'a'), (0x1D507, 4, 'd'), (0x1D50D, 8, 'j'), (0x1D516, 7, 's'),
    (0x1D51E, 26, 'a'), (0x1D538, 2, 'a'), (0x1D53B, 4, 'd'), (0x1D540, 5, 'i'), (0x1D546, 1, 'o'),
    (0x1D54A, 7, 's'), (0x1D552, 26, 'a'), (0x1D56C, 26, 'a'), (0x1D586, 26, 'a'), (0x1D5A0, 26, 'a'),
    (0x1D5BA, 26, 'a'), (0x1D5D4, 26, 'a'), (0x1D5EE, 26, 'a'), (0x1D608, 26, 'a'), (0x1D622, 26, 'a'),
    (0x1D63C, 26, 'a'), (0x1D656, 26, 'a'), (0x1D670, 26, 'a'), (0x1D68A, 26, 'a'), (0x1F12B, 1, 'c'),
    (0x1F12C, 1, 'r'), (0x1F130, 26, 'a'),
];

/// Single characters that fold to several letters which some protocol name contains.
#[rustfmt::skip]
const LIGATURES: &[(u32, &str)] = &[
    (0xDF, "ss"), (0x1E9E, "ss"), (0x20A8, "rs"), (0x2116, "no"), (0x32CE, "ev"), (0x3372, "da"),
    (0x3376, "pc"), (0x3380, "pa"), (0x3381, "na"), (0x338B, "nf"), (0x33A9, "pa"), (0x33B1, "ns"),
    (0x33B3, "ms"), (0x33CC, "in"), (0x33D0, "lm"), (0x33D2, "log"), (0x33DA, "pr"), (0xFB01, "fi"),
    (0xFB05, "st"), (0xFB06, "st"), (0x1F14D, "ss"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes() {
        let same = [
            "Name",
            "NAME",
            "ｎａｍｅ",
            " name",
            "name\u{200b}",
            "\u{feff}name",
            "na\u{ad}me",
            "𝐧𝒂𝖒𝚎",
            "\u{0}name",
        ];
        for key in same {
            assert!(impersonated(key, &["name"]).is_some(), "{key:?}");
        }
        for key in ["name", "nаme", "nam", "names", "n\u{e4}me", "na me", ""] {
            assert!(impersonated(key, &["name"]).is_none(), "{key:?}");
        }
        assert!(impersonated("argumentſ", &["arguments"]).is_some());
        assert!(impersonated("progressToKen", &["progressToken"]).is_some());
        assert!(impersonated("progressto\u{212a}en", &["progressToken"]).is_some());
        assert!(impersonated("para\u{33b3}", &["params"]).is_some());
    }

    #[test]
    fn case_variants() {
        for (key, name) in [
            ("Amount", "amount"),
            ("AMOUNT", "amount"),
            ("ſum", "sum"),
            ("Kind", "kind"),
            ("É", "é"),
        ] {
            assert!(is_case_variant(key, name), "{key}");
        }
        for (key, name) in [
            ("amount", "amount"),
            ("amounts", "amount"),
            ("amoun", "amount"),
            (" amount", "amount"),
        ] {
            assert!(!is_case_variant(key, name), "{key}");
        }
    }
}
