//! Real data sets that are part of the binary: nothing to install, nothing to fetch.
//!
//! `models/data/README.md` says where each comes from and under which licence.

use std::{
    fmt,
    path::Path,
    str::FromStr,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};

use super::{CsvOptions, Dataset, TargetKind, Targets, gzip, parse_csv, parse_idx};
use crate::error::{Error, Result};

/// A file of `models/data`: its name, for messages, and its bytes.
macro_rules! file {
    ($name:literal) => {
        (
            Path::new($name),
            include_bytes!(concat!("../../data/", $name)).as_slice(),
        )
    };
}

/// A data set that is part of the binary; in a configuration, its name in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Embedded {
    /// `digits`: 1,797 handwritten digits of 8x8 pixels in 0..=1, 10 classes.
    Digits,
    /// `letter`: 20,000 printed capital letters, each as 16 integers from 0 to 15, 26 classes.
    Letter,
    /// `wine-quality`: 1,599 red wines, 11 measurements each, 6 very uneven classes of quality.
    WineQuality,
    /// `fashion-mnist`: 5,000 pictures of clothes of 28x28 pixels in 0..=1, 10 classes.
    FashionMnist,
}

impl Embedded {
    /// All of them.
    pub const ALL: [Embedded; 4] = [
        Embedded::Digits,
        Embedded::Letter,
        Embedded::WineQuality,
        Embedded::FashionMnist,
    ];

    /// The name that configurations know it by.
    pub fn name(self) -> &'static str {
        match self {
            Embedded::Digits => "digits",
            Embedded::Letter => "letter",
            Embedded::WineQuality => "wine-quality",
            Embedded::FashionMnist => "fashion-mnist",
        }
    }

    /// The data set; decoded once a process, and shared after that.
    ///
    /// # Errors
    /// Those of the readers: the binary was built from damaged files.
    pub fn load(self) -> Result<Arc<Dataset>> {
        static DECODED: [OnceLock<Arc<Dataset>>; Embedded::ALL.len()] =
            [const { OnceLock::new() }; Embedded::ALL.len()];
        let decoded = &DECODED[self as usize];
        if let Some(dataset) = decoded.get() {
            return Ok(Arc::clone(dataset));
        }
        let mut dataset = match self {
            Embedded::Digits => digits(file!("digits-8x8-u8.gz")),
            Embedded::Letter => letter(file!("keel-letter.csv.gz")),
            Embedded::WineQuality => wine_quality(file!("winequality-red.csv.gz")),
            Embedded::FashionMnist => fashion_mnist(),
        }?;
        dataset.name = self.name().into();
        Ok(Arc::clone(decoded.get_or_init(|| Arc::new(dataset))))
    }
}

impl fmt::Display for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Embedded {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self> {
        let named = |set: &Embedded| set.name() == given;
        Embedded::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| Error::UnknownDataset {
                given: given.into(),
                allowed: Embedded::ALL.iter().map(|set| format!("`{set}`")).collect(),
            })
    }
}

impl TryFrom<String> for Embedded {
    type Error = Error;

    fn try_from(given: String) -> Result<Self> {
        given.parse()
    }
}

impl From<Embedded> for String {
    fn from(set: Embedded) -> Self {
        set.name().into()
    }
}

/// Three big-endian `u32`, the rows and 8 and 8; the pixels of all rows, 0 to 16; the label of each.
fn digits((path, bytes): (&Path, &[u8])) -> Result<Dataset> {
    const PIXELS: usize = 64;
    let bytes = gzip::decompress(path, bytes)?;
    let corrupt = |expected: &str| Error::Corrupt {
        path: path.into(),
        expected: expected.into(),
        found: format!("{} bytes", bytes.len()),
    };
    let Some((header, body)) = bytes.split_at_checked(12) else {
        return Err(corrupt("a header of 12 bytes"));
    };
    let rows = body.len() / (PIXELS + 1);
    let expected = [rows as u32, 8, 8].map(u32::to_be_bytes);
    if header != expected.as_flattened() || body.len() != rows * (PIXELS + 1) {
        return Err(corrupt(
            "64 pixels and a label for each of the rows in the header",
        ));
    }
    let (pixels, labels) = body.split_at(rows * PIXELS);
    Dataset::new(
        "digits",
        [1, 8, 8],
        pixels.iter().map(|&pixel| f32::from(pixel) / 16.).collect(),
        Targets::Classes {
            labels: labels.iter().map(|&label| u32::from(label)).collect(),
            names: (0..10).map(|digit| digit.to_string()).collect(),
        },
    )
}

/// Comma-separated without a header: 16 features, then the letter.
fn letter((path, bytes): (&Path, &[u8])) -> Result<Dataset> {
    let features: String = (1..=16)
        .map(|feature| format!("feature {feature},"))
        .collect();
    let header = format!("{features}letter\n").into_bytes();
    let table = [header, gzip::decompress(path, bytes)?].concat();
    let options = CsvOptions {
        target: "letter".into(),
        kind: TargetKind::Classification,
    };
    parse_csv(path, &table, &options)
}

fn wine_quality((path, bytes): (&Path, &[u8])) -> Result<Dataset> {
    let options = CsvOptions {
        target: "quality".into(),
        kind: TargetKind::Classification,
    };
    parse_csv(path, bytes, &options)
}

/// The training images, then the test images: both are split anew.
fn fashion_mnist() -> Result<Dataset> {
    // Class names: the "Labels" table of the README of Fashion-MNIST.
    const NAMES: [&str; 10] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ];
    let (images_path, images) = file!("fmnist-train-images-idx3-ubyte.gz");
    let (labels_path, labels) = file!("fmnist-train-labels-idx1-ubyte.gz");
    let train = parse_idx(images_path, images, labels_path, labels)?;
    let (images_path, images) = file!("fmnist-test-images-idx3-ubyte.gz");
    let (labels_path, labels) = file!("fmnist-test-labels-idx1-ubyte.gz");
    let test = parse_idx(images_path, images, labels_path, labels)?;

    let labels = [train.targets, test.targets]
        .into_iter()
        .flat_map(|targets| match targets {
            Targets::Classes { labels, .. } => labels,
            Targets::Values(_) => Vec::new(),
        });
    let targets = Targets::Classes {
        labels: labels.collect(),
        names: NAMES.map(String::from).into(),
    };
    Dataset::new(
        "fashion-mnist",
        train.shape,
        [train.inputs, test.inputs].concat(),
        targets,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{SplitConfig, pool, split};

    /// The labels, and the rows of each class.
    fn count(dataset: &Dataset) -> (&[u32], Vec<usize>) {
        let Targets::Classes { labels, names } = &dataset.targets else {
            panic!("not classes")
        };
        let mut count = vec![0; names.len()];
        labels.iter().for_each(|&label| count[label as usize] += 1);
        (labels, count)
    }

    #[test]
    fn digits_are_the_test_part_of_the_uci_set() {
        let digits = Embedded::Digits.load().unwrap();
        assert_eq!(
            (digits.rows(), digits.features, digits.shape),
            (1797, 64, [1, 8, 8])
        );
        let (labels, count) = count(&digits);
        // Counts: the description of the set at UCI, "Class: No of examples in testing set".
        assert_eq!(count, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(labels[..4], [0, 1, 2, 3]);
        assert_eq!(
            digits.row(0)[..8],
            [0., 0., 5., 13., 9., 1., 0., 0.].map(|pixel| pixel / 16.)
        );
        assert!(digits.inputs.iter().all(|pixel| (0. ..=1.).contains(pixel)));
    }

    #[test]
    fn letters_are_complete() {
        let letter = Embedded::Letter.load().unwrap();
        assert_eq!(
            (letter.rows(), letter.features, letter.shape),
            (20_000, 16, [1, 1, 16])
        );
        let (labels, count) = count(&letter);
        assert_eq!(
            (count.len(), count[0], count[20], count[25]),
            (26, 789, 813, 734)
        );
        assert_eq!(labels[..3], [25, 15, 18]);
        assert_eq!(
            letter.row(0),
            [2, 4, 4, 3, 2, 7, 8, 2, 9, 11, 7, 7, 1, 8, 5, 6].map(|n| n as f32)
        );
    }

    #[test]
    fn wines_have_six_qualities() {
        let wine = Embedded::WineQuality.load().unwrap();
        assert_eq!((wine.rows(), wine.features), (1599, 11));
        assert_eq!(count(&wine).1, [10, 53, 681, 638, 199, 18]);
        assert_eq!(
            wine.row(0),
            [7.4, 0.7, 0., 1.9, 0.076, 11., 34., 0.9978, 3.51, 0.56, 9.4]
        );
        let Targets::Classes { labels, names } = &wine.targets else {
            panic!("not classes")
        };
        assert_eq!(names[labels[0] as usize], "5");
    }

    #[test]
    fn clothes_are_training_then_test_images() {
        let clothes = Embedded::FashionMnist.load().unwrap();
        assert_eq!(
            (clothes.rows(), clothes.features, clothes.shape),
            (5000, 784, [1, 28, 28])
        );
        let (labels, count) = count(&clothes);
        assert_eq!(count, [480, 545, 515, 502, 510, 478, 497, 508, 475, 490]);
        // The label bytes that either file starts with.
        assert_eq!(labels[..6], [9, 0, 0, 3, 0, 2]);
        assert_eq!(labels[4000..4006], [9, 2, 1, 1, 6, 1]);
        let brightest = clothes.inputs.iter().copied().fold(0., f32::max);
        assert_eq!((clothes.classes(), brightest), (Some(10), 1.));
        assert_eq!(pool(&clothes, 2).unwrap().shape, [1, 14, 14]);
        assert_eq!(pool(&clothes, 4).unwrap().features, 49);
    }

    #[test]
    fn every_set_splits_with_every_class_in_every_part() {
        for set in Embedded::ALL {
            let split = split(&set.load().unwrap(), &SplitConfig::default()).unwrap();
            for part in [&split.train, &split.validation, &split.test] {
                assert!(count(part).1.iter().all(|&rows| rows > 0), "{set}");
                assert!(part.inputs.iter().all(|input| input.is_finite()), "{set}");
            }
        }
    }

    #[test]
    fn a_set_is_decoded_once() {
        let [one, two] = [0; 2].map(|_| Embedded::Digits.load().unwrap());
        assert!(Arc::ptr_eq(&one, &two));
    }

    #[test]
    fn names_are_the_same_everywhere() {
        for set in Embedded::ALL {
            assert_eq!(set.to_string().parse::<Embedded>().unwrap(), set);
            let quoted = format!("\"{set}\"");
            assert_eq!(ron::to_string(&set).unwrap(), quoted);
            assert_eq!(ron::from_str::<Embedded>(&quoted).unwrap(), set);
            assert_eq!(set.load().unwrap().name, set.name());
        }
        let parsed = "mnist".parse::<Embedded>().unwrap_err().to_string();
        let read = ron::from_str::<Embedded>("\"mnist\"")
            .unwrap_err()
            .to_string();
        for message in [parsed, read] {
            assert!(message.contains("`mnist`"), "{message}");
            assert!(message.contains("`fashion-mnist`"), "{message}");
        }
    }

    #[test]
    fn damaged_digits_are_an_error() {
        let (path, bytes) = file!("digits-8x8-u8.gz");
        let plain = gzip::decompress(path, bytes).unwrap();
        for damaged in [&plain[..5], &plain[..plain.len() - 1], &plain[1..]] {
            let message = digits((path, damaged)).unwrap_err().to_string();
            assert!(
                message.contains("digits-8x8-u8.gz: truncated or corrupt"),
                "{message}"
            );
        }
    }
}
