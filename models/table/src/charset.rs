//! Texts that are not in UTF-8.

use std::io::{self, Read};

/// The order of the two bytes of UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// The order that a byte order mark, or the zeros of plain text, say.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0xff, 0xfe, ..] => Some(Self::Little),
            [0xfe, 0xff, ..] => Some(Self::Big),
            [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some(Self::Little),
            [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some(Self::Big),
            _ => None,
        }
    }
}

/// UTF-16 as UTF-8; what is no character becomes `\u{fffd}`.
pub(crate) struct Utf16<R> {
    bytes: R,
    order: Order,
    /// Bytes of UTF-8 that are still to be given.
    ready: Vec<u8>,
    given: usize,
    /// The first half of a character, or of its first half.
    left: Vec<u8>,
}

impl<R: Read> Utf16<R> {
    pub(crate) fn new(bytes: R, order: Order) -> Self {
        Self {
            bytes,
            order,
            ready: Vec::new(),
            given: 0,
            left: Vec::new(),
        }
    }

    /// Reads more; whether there was more.
    fn more(&mut self) -> io::Result<bool> {
        let mut read = vec![0; 1 << 14];
        let length = self.bytes.read(&mut read)?;
        let mut bytes = std::mem::take(&mut self.left);
        bytes.extend_from_slice(&read[..length]);
        let units = bytes.chunks_exact(2).map(|pair| match self.order {
            Order::Little => u16::from_le_bytes([pair[0], pair[1]]),
            Order::Big => u16::from_be_bytes([pair[0], pair[1]]),
        });
        let mut units: Vec<u16> = units.collect();
        if length > 0 {
            let odd = bytes.len() % 2;
            let half = units
                .pop_if(|last| (0xd800..0xdc00).contains(last))
                .map_or(0, |_| 2);
            self.left = bytes[bytes.len() - odd - half..].to_vec();
        }
        let text: String = char::decode_utf16(units)
            .map(|unit| unit.unwrap_or('\u{fffd}'))
            .collect();
        (self.ready, self.given) = (text.into_bytes(), 0);
        Ok(length > 0)
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if !self.more()? && self.ready.is_empty() {
                return Ok(0);
            }
        }
        let ready = &self.ready[self.given..];
        let length = ready.len().min(into.len());
        into[..length].copy_from_slice(&ready[..length]);
        self.given += length;
        Ok(length)
    }
}

/// The characters of Windows-1252 from 0x80 to 0x9f; the rest is Latin-1.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Bytes that are no UTF-8, as Windows-1252, of which Latin-1 is a part.
pub(crate) fn windows_1252(bytes: &[u8]) -> String {
    let character = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        other => char::from(*other),
    };
    bytes.iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_read_in_pieces_of_any_length() {
        struct Bits<'a>(&'a [u8], usize);
        impl Read for Bits<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let length = self.1.min(into.len());
                self.0.read(&mut into[..length])
            }
        }
        let text = "größe,😀\r\n1,2\n".repeat(50);
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for length in [1, 2, 3, 5, 1000] {
            for (bytes, order) in [(&little, Order::Little), (&big, Order::Big)] {
                let mut read = String::new();
                Utf16::new(Bits(bytes, length), order)
                    .read_to_string(&mut read)
                    .unwrap();
                assert_eq!(read, text, "{length}");
            }
        }
    }

    #[test]
    fn bytes_of_windows_are_characters() {
        assert_eq!(windows_1252(b"gr\xf6\xdfe \x80 5"), "größe € 5");
    }
}
