//! IDX, the format of MNIST: big-endian sizes, then raw bytes.
//!
//! Source: <http://yann.lecun.com/exdb/mnist/>, "The IDX file format".

use std::path::Path;

use super::{Dataset, Targets, gzip};
use crate::error::{Error, Result};

/// The magic number of unsigned bytes (0x08) in three dimensions: images, height, width.
const IMAGES: u32 = 0x0000_0803;
/// The magic number of unsigned bytes (0x08) in one dimension: labels.
const LABELS: u32 = 0x0000_0801;

/// Images and their labels from a pair of IDX files; gzip is undone.
///
/// Pixels are scaled from 0..=255 to 0..=1. There are as many classes as the largest label says, named
/// by their number.
///
/// # Errors
/// A file cannot be read, is damaged, is not IDX of the kind it should be, or is longer or shorter than
/// its header says; or there are fewer or more labels than images, or fewer than two classes.
pub fn read_idx(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Dataset> {
    let (images, labels) = (images.as_ref(), labels.as_ref());
    parse_idx(images, &gzip::read(images)?, labels, &gzip::read(labels)?)
}

/// The same as [`read_idx`], from bytes; the image path gives the data set its name, and both are said in
/// errors.
///
/// # Errors
/// Those of [`read_idx`], but for reading.
pub fn parse_idx(
    images_path: &Path,
    images: &[u8],
    labels_path: &Path,
    labels: &[u8],
) -> Result<Dataset> {
    let images = gzip::decompress(images_path, images)?;
    let labels = gzip::decompress(labels_path, labels)?;
    let ([count, height, width], pixels) = content(images_path, &images, IMAGES)?;
    let ([label_count], labels) = content(labels_path, &labels, LABELS)?;
    if count != label_count {
        return Err(Error::CountMismatch {
            images_path: images_path.into(),
            images: count,
            labels_path: labels_path.into(),
            labels: label_count,
        });
    }
    let classes = labels
        .iter()
        .max()
        .map_or(0, |&largest| u32::from(largest) + 1);
    let dataset = Dataset::new(
        super::stem(images_path),
        [1, height, width],
        scaled(pixels),
        Targets::Classes {
            labels: labels.iter().map(|&label| u32::from(label)).collect(),
            names: (0..classes).map(|class| class.to_string()).collect(),
        },
    )?;
    dataset.require_two_classes(&labels_path.display().to_string())?;
    Ok(dataset)
}

/// Images alone, of which nothing else is known: their shape (channels, height, width) and the pixels of one after the
/// other, scaled to 0..=1; gzip is undone.
///
/// # Errors
/// Those of [`read_idx`] for the images.
pub fn read_images(images: impl AsRef<Path>) -> Result<([usize; 3], Vec<f32>)> {
    let path = images.as_ref();
    let file = gzip::read(path)?;
    let bytes = gzip::decompress(path, &file)?;
    let ([_, height, width], pixels) = content(path, &bytes, IMAGES)?;
    Ok(([1, height, width], scaled(pixels)))
}

/// Pixels from 0..=255 to 0..=1.
fn scaled(pixels: &[u8]) -> Vec<f32> {
    let pixels = pixels.iter();
    pixels.map(|&pixel| f32::from(pixel) / 255.).collect()
}

/// The sizes in the header of an IDX file of unsigned bytes in `N` dimensions, and the bytes after it.
fn content<'a, const N: usize>(
    path: &Path,
    bytes: &'a [u8],
    magic: u32,
) -> Result<([usize; N], &'a [u8])> {
    let corrupt = |expected: String, found: String| Error::Corrupt {
        path: path.into(),
        expected,
        found,
    };
    if bytes.is_empty() {
        return Err(Error::EmptyFile {
            path: path.into(),
            expected: "IDX",
        });
    }
    let (words, _) = bytes.as_chunks::<4>();
    let mut words = words.iter().map(|word| u32::from_be_bytes(*word));
    let found = words.next();
    if found != Some(magic) {
        let found = found.map_or(format!("{} bytes", bytes.len()), |found| {
            format!("{found:#010x}")
        });
        return Err(corrupt(
            format!("the IDX magic number {magic:#010x}"),
            found,
        ));
    }
    let mut sizes = [0; N];
    for (dimension, size) in sizes.iter_mut().enumerate() {
        *size = match words.next() {
            None => {
                let expected = format!("an IDX header of {} bytes", 4 + 4 * N);
                return Err(corrupt(expected, format!("{} bytes", bytes.len())));
            }
            Some(0) => {
                let expected = format!("dimension {dimension} to be at least 1");
                return Err(corrupt(expected, "0".into()));
            }
            Some(size) => size as usize,
        };
    }
    let body = &bytes[4 + 4 * N..];
    let expected = sizes
        .iter()
        .try_fold(1_usize, |product, &size| product.checked_mul(size));
    if expected != Some(body.len()) {
        let sizes = sizes.map(|size| size.to_string()).join("x");
        let expected = expected.map_or(String::new(), |bytes| format!(" = {bytes}"));
        return Err(corrupt(
            format!("{sizes}{expected} bytes after the header"),
            format!("{} bytes", body.len()),
        ));
    }
    Ok((sizes, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idx(magic: u32, sizes: &[u32], body: &[u8]) -> Vec<u8> {
        let header = [&[magic], sizes].concat();
        let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(body);
        bytes
    }

    fn two_images() -> Vec<u8> {
        idx(IMAGES, &[2, 1, 3], &[0, 51, 255, 102, 0, 0])
    }

    fn two_labels() -> Vec<u8> {
        idx(LABELS, &[2], &[0, 2])
    }

    fn parse(images: &[u8], labels: &[u8]) -> Result<Dataset> {
        parse_idx(
            Path::new("pixels.idx3"),
            images,
            Path::new("classes.idx1"),
            labels,
        )
    }

    /// Parsing must fail, with all of `parts` in the message.
    #[track_caller]
    fn fails(images: &[u8], labels: &[u8], parts: &[&str]) {
        let message = parse(images, labels).unwrap_err().to_string();
        for part in parts {
            assert!(
                message.contains(part),
                "`{part}` is missing from: {message}"
            );
        }
    }

    #[test]
    fn pixels_are_scaled_to_one() {
        let dataset = parse(&two_images(), &two_labels()).unwrap();
        assert_eq!(dataset.shape, [1, 1, 3]);
        assert_eq!(dataset.inputs, [0., 0.2, 1., 0.4, 0., 0.]);
        let Targets::Classes { labels, names } = dataset.targets else {
            panic!("not classes")
        };
        assert_eq!(labels, [0, 2]);
        assert_eq!(names, ["0", "1", "2"]);
    }

    #[test]
    fn files_are_read_gzipped_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images-idx3-ubyte.gz");
        let labels = folder.path().join("labels-idx1-ubyte");
        std::fs::write(&images, gzip::compress(&two_images())).unwrap();
        let message = read_idx(&images, &labels).unwrap_err().to_string();
        assert!(
            message.contains("labels-idx1-ubyte: cannot be read"),
            "{message}"
        );
        std::fs::write(&labels, two_labels()).unwrap();
        let dataset = read_idx(&images, &labels).unwrap();
        assert_eq!(dataset.name, "images-idx3-ubyte");
        assert_eq!(
            dataset.inputs,
            parse(&two_images(), &two_labels()).unwrap().inputs
        );
    }

    #[test]
    fn every_truncation_is_an_error() {
        let (images, labels) = (two_images(), two_labels());
        for end in 0..images.len() {
            fails(&images[..end], &labels, &["pixels.idx3"]);
        }
        for end in 0..labels.len() {
            fails(&images, &labels[..end], &["classes.idx1"]);
        }
        fails(
            &images[..21],
            &labels,
            &["expected 2x1x3 = 6 bytes after", "found 5 bytes"],
        );
        fails(
            &images[..9],
            &labels,
            &["expected an IDX header of 16 bytes", "found 9 bytes"],
        );
        fails(&[], &labels, &["pixels.idx3: empty file"]);
    }

    #[test]
    fn other_bytes_are_an_error() {
        fails(
            &two_labels(),
            &two_labels(),
            &["pixels.idx3", "0x00000803", "0x00000801"],
        );
        fails(
            &two_images(),
            &two_images(),
            &["classes.idx1", "0x00000801", "0x00000803"],
        );
        fails(
            &[two_images(), vec![0]].concat(),
            &two_labels(),
            &["pixels.idx3", "found 7 bytes"],
        );
        let huge = idx(IMAGES, &[u32::MAX; 3], &[]);
        fails(
            &huge,
            &two_labels(),
            &["4294967295x4294967295x4294967295 bytes", "found 0 bytes"],
        );
        let none = idx(IMAGES, &[0, 1, 3], &[]);
        fails(&none, &two_labels(), &["dimension 0 to be at least 1"]);
    }

    #[test]
    fn images_and_labels_must_belong_together() {
        let three = idx(LABELS, &[3], &[0, 1, 2]);
        fails(
            &two_images(),
            &three,
            &["pixels.idx3 holds 2", "classes.idx1 holds 3"],
        );
        let same = idx(LABELS, &[2], &[1, 1]);
        fails(
            &two_images(),
            &same,
            &["classes.idx1", "class `1`", "at least two classes"],
        );
    }

    proptest::proptest! {
        #[test]
        fn no_sizes_bring_the_reader_down(sizes: [u32; 3], small in [0..4_u32, 0..4, 0..4]) {
            for sizes in [sizes, small] {
                if let Ok(dataset) = parse(&idx(IMAGES, &sizes, &[0, 51, 255, 102, 0, 0]), &two_labels()) {
                    assert_eq!(sizes[0], 2);
                    dataset.check().unwrap();
                }
            }
        }
    }
}
