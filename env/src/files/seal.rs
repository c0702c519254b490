//! A checksum at the start of a JSON file whose numbers nobody checks by eye, so that one byte that changed is noticed.
//!
//! ```
//! use trimtab_env::files::seal::{seal, unseal};
//! let text = seal(br#"{"weights":[0.5]}"#, &[]);
//! assert!(text.starts_with(br#"{"checksum":""#));
//! assert_eq!(&*unseal(&text, &[]).unwrap(), br#"{"weights":[0.5]}"#);
//! ```

use std::borrow::Cow;

/// Up to the digits of the checksum.
const START: &[u8] = br#"{"checksum":""#;
/// How many digits it has.
const DIGITS: usize = 16;
/// After them.
const END: &[u8] = br#"","#;

/// A file that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the checksum is that of another content: it was altered, or written anew by another program; where that was meant, take `checksum` out"
)]
pub struct Altered;

/// A JSON object that has at least one entry, with the checksum of itself and of what is `beside` it in another file.
pub fn seal(json: &[u8], beside: &[u8]) -> Vec<u8> {
    let rest = json.strip_prefix(b"{").unwrap_or(json);
    let digits = format!("{:0DIGITS$x}", checksum(rest, beside));
    [START, digits.as_bytes(), END, rest].concat()
}

/// The object as it was before [`seal`]. One without a checksum comes back as it is: older files have none.
///
/// # Errors
/// [`Altered`] if the content is not that of the checksum.
pub fn unseal<'a>(text: &'a [u8], beside: &[u8]) -> Result<Cow<'a, [u8]>, Altered> {
    let length = START.len() + DIGITS + END.len();
    // Another program may have written the same object in other lines; whether its numbers are the same is not known.
    let elsewhere = || {
        let key = br#""checksum""#;
        let found = text.windows(key.len()).any(|part| part == key);
        if found {
            Err(Altered)
        } else {
            Ok(Cow::Borrowed(text))
        }
    };
    let Some((head, rest)) = text.split_at_checked(length) else {
        return elsewhere();
    };
    // If a letter of the head is altered, the rest is still where it is: no other file begins like this.
    let right = head.iter().zip(START).filter(|(a, b)| a == b).count();
    if right + 1 < START.len() {
        return elsewhere();
    }
    let digits = format!("{:0DIGITS$x}", checksum(rest, beside));
    if head == [START, digits.as_bytes(), END].concat() {
        Ok(Cow::Owned([b"{", rest].concat()))
    } else {
        Err(Altered)
    }
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo): each step can be undone, so that no single byte changes without it.
fn checksum(rest: &[u8], beside: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = rest.iter().chain(beside);
    bytes.fold(BASIS, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_fowlers() {
        // Test vectors of draft-eastlake-fnv-17, appendix C.
        assert_eq!(checksum(b"", b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(checksum(b"a", b""), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(checksum(b"foo", b"bar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn every_byte_that_changes_is_noticed_and_older_files_are_taken() {
        let json = br#"{"version":2,"weights":[0.5,-1e-3]}"#;
        let weights = [7, 0, 255];
        let text = seal(json, &weights);
        assert_eq!(&*unseal(&text, &weights).unwrap(), json);
        for at in 0..text.len() {
            for change in [1, 2, 0x20, 0x80] {
                let mut altered = text.clone();
                altered[at] ^= change;
                assert_eq!(unseal(&altered, &weights), Err(Altered), "{at}");
            }
        }
        assert_eq!(unseal(&text, &[7, 1, 255]), Err(Altered));
        assert_eq!(&*unseal(json, &weights).unwrap(), json);
        assert_eq!(&*unseal(b"{}", &[]).unwrap(), b"{}");
        // Written in other lines, with the checksum that it had.
        let lines = [b"{\n \"checksum\":", &text[12..]].concat();
        assert_eq!(unseal(&lines, &weights), Err(Altered));
    }
}
