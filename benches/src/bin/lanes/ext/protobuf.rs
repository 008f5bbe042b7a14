//! As much of the protobuf wire format as the two services need: fields with lengths and varints. Copies nothing.

/// A field: its number, and what it holds.
pub enum Value<'a> {
    Bytes(&'a [u8]),
    Number(u64),
}

/// The fields of a message; ends at what it cannot read.
pub fn fields(mut data: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    std::iter::from_fn(move || {
        let tag = varint(&mut data)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut data)?),
            1 => Value::Bytes(take(&mut data, 8)?),
            2 => {
                let len = usize::try_from(varint(&mut data)?).ok()?;
                Value::Bytes(take(&mut data, len)?)
            }
            5 => Value::Bytes(take(&mut data, 4)?),
            _ => return None,
        };
        Some((tag >> 3, value))
    })
}

/// The last field with this number, if it has a length.
pub fn bytes(data: &[u8], number: u64) -> Option<&[u8]> {
    let with = fields(data).filter(|(found, _)| *found == number);
    with.filter_map(|(_, value)| match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::Number(_) => None,
    })
    .last()
}

fn take<'a>(data: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = data.split_at_checked(len)?;
    *data = rest;
    Some(head)
}

fn varint(data: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = data.split_first()?;
        *data = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a field with a length.
pub fn put(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a number.
pub fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(out, number << 3);
    put_varint(out, value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
