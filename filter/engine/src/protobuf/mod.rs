//! A serialized `google.protobuf.Struct` as JSON text.
//!
//! ```text
//! Struct { map<string, Value> fields = 1 }     ListValue { repeated Value values = 1 }
//! Value  { null_value = 1 (varint), number_value = 2 (double), string_value = 3,
//!          bool_value = 4 (varint), struct_value = 5, list_value = 6 }
//! ```

mod double;
mod rounded;

use double::decimal;
pub(crate) use rounded::holds_rounded;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// The JSON text of a serialized `Struct`; `None` if the bytes are none. A key that appears twice in a
/// map stays twice, for the JSON reader to refuse.
pub fn struct_to_json(bytes: &[u8]) -> Option<String> {
    let mut out = String::new();
    write_struct(bytes, &mut out, MAX_DEPTH)?;
    Some(out)
}

/// The value of one key in field 1 of a message, where that is a map from text to messages; `None` if it is not there.
///
/// # Errors
/// The message is none, or has the key twice.
pub(crate) fn map_entry<'b>(mut bytes: &'b [u8], wanted: &str) -> Result<Option<&'b [u8]>, ()> {
    let mut found = None;
    while !bytes.is_empty() {
        let (part, rest) = field(bytes).ok_or(())?;
        bytes = rest;
        let (1, Wire::Bytes(entry)) = part else {
            continue;
        };
        let (key, value) = map_parts(entry).ok_or(())?;
        if key == wanted.as_bytes() && found.replace(value).is_some() {
            return Err(());
        }
    }
    Ok(found)
}

/// Key and value of an entry of a map.
fn map_parts(mut entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    while !entry.is_empty() {
        let (part, rest) = field(entry)?;
        entry = rest;
        match part {
            (1, Wire::Bytes(bytes)) => key = bytes,
            (2, Wire::Bytes(bytes)) => value = bytes,
            _ => return None,
        }
    }
    Some((key, value))
}

enum Wire<'b> {
    Varint(u64),
    Double(f64),
    Bytes(&'b [u8]),
}

/// Splits the first field off a message.
fn field(bytes: &[u8]) -> Option<((u64, Wire<'_>), &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let number = tag.wrapping_shr(3);
    match tag & 7 {
        0 => varint(rest).map(|(value, rest)| ((number, Wire::Varint(value)), rest)),
        1 => {
            let (double, rest) = rest.split_first_chunk::<8>()?;
            Some(((number, Wire::Double(f64::from_le_bytes(*double))), rest))
        }
        2 => {
            let (len, rest) = varint(rest)?;
            let (content, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            Some(((number, Wire::Bytes(content)), rest))
        }
        _ => None,
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = bytes;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

fn write_struct(mut bytes: &[u8], out: &mut String, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    out.push('{');
    let mut first = true;
    while !bytes.is_empty() {
        let ((1, Wire::Bytes(entry)), rest) = field(bytes)? else {
            return None;
        };
        bytes = rest;
        let (key, value) = map_parts(entry)?;
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        write_text(key, out)?;
        out.push(':');
        write_value(value, out, depth)?;
    }
    out.push('}');
    Some(())
}

fn write_value(bytes: &[u8], out: &mut String, depth: usize) -> Option<()> {
    let (part, rest) = field(bytes)?;
    if !rest.is_empty() {
        return None;
    }
    match part {
        (1, Wire::Varint(0)) => out.push_str("null"),
        (2, Wire::Double(number)) => out.push_str(&decimal(number)?),
        (3, Wire::Bytes(text)) => write_text(text, out)?,
        (4, Wire::Varint(boolean)) => out.push_str(if boolean == 0 { "false" } else { "true" }),
        (5, Wire::Bytes(fields)) => write_struct(fields, out, depth)?,
        (6, Wire::Bytes(values)) => write_list(values, out, depth)?,
        _ => return None,
    }
    Some(())
}

fn write_list(mut bytes: &[u8], out: &mut String, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    out.push('[');
    let mut first = true;
    while !bytes.is_empty() {
        let ((1, Wire::Bytes(value)), rest) = field(bytes)? else {
            return None;
        };
        bytes = rest;
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        write_value(value, out, depth)?;
    }
    out.push(']');
    Some(())
}

fn write_text(bytes: &[u8], out: &mut String) -> Option<()> {
    let text = std::str::from_utf8(bytes).ok()?;
    out.push_str(&serde_json::to_string(text).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length-delimited field.
    fn message(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        bytes.extend_from_slice(content);
        bytes
    }

    fn entry(key: &str, value: &[u8]) -> Vec<u8> {
        message(1, &[message(1, key.as_bytes()), message(2, value)].concat())
    }

    #[test]
    fn decodes_every_kind_of_value() {
        let double = |number: f64| [&[2 << 3 | 1][..], &number.to_le_bytes()].concat();
        let list = message(
            6,
            &[message(1, &double(1.0)), message(1, &[1 << 3, 0])].concat(),
        );
        let bytes = [
            entry("s", &message(3, "a\"b".as_bytes())),
            entry("n", &double(0.1)),
            entry("big", &double(1e21)),
            entry("t", &[4 << 3, 1]),
            entry("l", &list),
            entry("o", &message(5, &entry("x", &double(-2.0)))),
            entry("e", &message(5, &[])),
        ]
        .concat();
        let json = struct_to_json(&bytes).unwrap();
        assert_eq!(
            json,
            r#"{"s":"a\"b","n":0.1,"big":1000000000000000000000,"t":true,"l":[1,null],"o":{"x":-2},"e":{}}"#
        );
        for cut in 1..bytes.len() {
            // Cut anywhere it is no Struct, or a shorter one: never a panic.
            let _ = struct_to_json(&bytes[..cut]);
        }
    }
}
