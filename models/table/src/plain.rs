//! Numbers as programs write them: digits, perhaps a point, perhaps an exponent.

/// What a cell of text is as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    /// A finite number.
    Number(f64),
    /// One with zeros in front, as identifiers have them: `007`.
    Padded(f64),
    /// Infinity, or what is too large for 64 bits.
    Infinite,
    /// Something else.
    Other,
}

/// The powers of ten that 64 bits hold exactly, as far as they are needed.
const TENS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Reads a trimmed cell, in which `decimal` is the point.
pub(crate) fn plain(text: &[u8], decimal: u8) -> Plain {
    let negative = text.first() == Some(&b'-');
    let digits = &text[usize::from(negative)..];
    // At most 15 digits make a whole number that is exact, and its quotient by a power of ten is the nearest to what is written.
    if !(1..=16).contains(&digits.len()) {
        return slow(text, decimal);
    }
    let (mut whole, mut point) = (0_u64, None);
    for (at, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => whole = whole * 10 + u64::from(byte - b'0'),
            _ if byte == decimal && point.is_none() => point = Some(at),
            _ => return slow(text, decimal),
        }
    }
    let decimals = point.map_or(0, |at| digits.len() - 1 - at);
    if digits.len() - usize::from(point.is_some()) > 15 || point == Some(0) {
        return slow(text, decimal);
    }
    let number = whole as f64 / TENS[decimals];
    let number = if negative { -number } else { number };
    match digits {
        [b'0', next, ..] if *next != decimal => Plain::Padded(number),
        _ => Plain::Number(number),
    }
}

/// Any number that Rust reads.
fn slow(text: &[u8], decimal: u8) -> Plain {
    let is_part = |byte: &u8| {
        byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'e' | b'E') || *byte == decimal
    };
    let Some(text) = str::from_utf8(text).ok() else {
        return Plain::Other;
    };
    if !text.bytes().all(|byte| is_part(&byte)) {
        let sign = text.strip_prefix(['-', '+']).unwrap_or(text);
        let infinite = ["inf", "infinity"];
        let infinite = infinite.iter().any(|name| sign.eq_ignore_ascii_case(name));
        return if infinite {
            Plain::Infinite
        } else {
            Plain::Other
        };
    }
    let number = if decimal == b'.' {
        text.parse::<f64>()
    } else {
        text.replace(char::from(decimal), ".").parse()
    };
    match number {
        Ok(number) if number.is_infinite() => Plain::Infinite,
        Ok(number) if is_exact(text, number) => {
            let digits = text.trim_start_matches(['-', '+']).as_bytes();
            let padded =
                digits.len() > 1 && digits.iter().all(u8::is_ascii_digit) && digits[0] == b'0';
            if padded {
                Plain::Padded(number)
            } else {
                Plain::Number(number)
            }
        }
        _ => Plain::Other,
    }
}

/// Whether all digits of a whole number are kept: of long ones, which are identifiers, two might be the same number.
fn is_exact(text: &str, number: f64) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() <= 15
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
        || digits.parse() == Ok(number.abs() as u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_rust_reads() {
        for text in [
            "0",
            "-0",
            "12",
            "-3.25",
            "0.1",
            "3504.",
            ".5",
            "1e5",
            "-2.5E-3",
            "+7",
            "123456789012345",
            "0.123456789012345",
            "1234567.123456789",
            "9007199254740992",
            "3.141592653589793238",
            "-.25",
            "1.000",
        ] {
            assert_eq!(
                plain(text.as_bytes(), b'.'),
                Plain::Number(text.parse().unwrap()),
                "{text}"
            );
        }
        assert_eq!(plain(b"3,25", b','), Plain::Number(3.25));
        assert_eq!(plain(b"-0,5e1", b','), Plain::Number(-5.));
    }

    #[test]
    fn other_texts_are_told_apart() {
        for text in ["007", "-01", "00.5", "0000000000000000000001"] {
            assert!(
                matches!(plain(text.as_bytes(), b'.'), Plain::Padded(_)),
                "{text}"
            );
        }
        for text in ["inf", "-Infinity", "+INF", "1e999"] {
            assert_eq!(plain(text.as_bytes(), b'.'), Plain::Infinite, "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "a",
            "1,5",
            "1.2.3",
            "0x10",
            "12 ",
            "1e",
            "1234567890123456789",
            "\u{ff11}",
        ] {
            assert_eq!(plain(text.as_bytes(), b'.'), Plain::Other, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_decimal_is_the_nearest_number(text in "-?[0-9]{1,9}(\\.[0-9]{1,9})?(e-?[0-9]{1,2})?") {
            match plain(text.as_bytes(), b'.') {
                Plain::Number(number) | Plain::Padded(number) => {
                    assert_eq!(number.to_bits(), text.parse::<f64>().unwrap().to_bits());
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
