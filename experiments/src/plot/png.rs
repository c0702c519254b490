//! PNG files of colours without transparency (W3C, Portable Network Graphics, second edition).

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use std::io::{Result, Write};

/// The first bytes of every file.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// 8 bits a channel, of red, green and blue; the only compression and filtering there are; no interlacing.
const FORMAT: [u8; 5] = [8, 2, 0, 0, 0];
/// Rows as differences to the row above, of which there are many that do not differ.
const UP: u8 = 2;

/// The file of a picture of `width` by `height` pixels, three bytes each.
///
/// # Errors
/// The compressor's; there are none in memory.
pub(super) fn encode(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>> {
    let mut file = SIGNATURE.to_vec();
    let size = [width.to_be_bytes(), height.to_be_bytes()];
    chunk(&mut file, b"IHDR", &[size.as_flattened(), &FORMAT].concat());
    let row = 3 * width as usize;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let mut above = vec![0; row];
    let mut filtered = Vec::with_capacity(1 + row);
    for pixels in pixels.chunks_exact(row.max(1)) {
        filtered.clear();
        filtered.push(UP);
        let differences = pixels.iter().zip(&above).map(|(a, b)| a.wrapping_sub(*b));
        filtered.extend(differences);
        packed.write_all(&filtered)?;
        above.copy_from_slice(pixels);
    }
    chunk(&mut file, b"IDAT", &packed.finish()?);
    chunk(&mut file, b"IEND", &[]);
    Ok(file)
}

/// Length, name, contents and their checksum.
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], contents: &[u8]) {
    file.extend((contents.len() as u32).to_be_bytes());
    let checked = file.len();
    file.extend(name);
    file.extend(contents);
    let mut checksum = Crc::new();
    checksum.update(&file[checked..]);
    file.extend(checksum.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// Undone by hand: checksums as in the standard's own end chunk, and the same pixels.
    #[test]
    fn a_file_holds_its_pixels() {
        let pixels: Vec<u8> = (0..2 * 3 * 3).map(|i| (i * 29 % 256) as u8).collect();
        let file = encode(2, 3, &pixels).unwrap();
        let end = b"\0\0\0\0IEND\xae\x42\x60\x82";
        assert!(file.starts_with(SIGNATURE) && file.ends_with(end));
        assert_eq!(
            file[8..29],
            *b"\0\0\0\x0dIHDR\0\0\0\x02\0\0\0\x03\x08\x02\0\0\0"
        );
        let data = &file[33 + 8..];
        let mut rows = Vec::new();
        let mut unpacked = flate2::read::ZlibDecoder::new(data);
        unpacked.read_to_end(&mut rows).unwrap();
        let mut found: Vec<u8> = Vec::new();
        for row in rows.chunks_exact(7) {
            assert_eq!(row[0], UP);
            for difference in &row[1..] {
                let above = found.len().checked_sub(6).map_or(0, |at| found[at]);
                found.push(above.wrapping_add(*difference));
            }
        }
        assert_eq!(found, pixels);
    }
}
