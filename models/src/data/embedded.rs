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
    /// `satellite`, held out: 5,000 spots of land, 3x3 pixels of four bands each, 6 classes of soil.
    Satellite,
    /// `segment`, held out: 2,310 patches of outdoor pictures, 19 features each, 7 even classes.
    Segment,
    /// `spambase`, held out: 4,601 e-mails as 57 frequencies and lengths, 2 classes.
    Spambase,
    /// `vowel`, held out: 990 spoken vowels as 10 log area ratios, 11 even classes.
    Vowel,
    /// `king-rook-pawn`, held out: 3,196 chess positions as 38 yes or no, 2 classes: White wins or not.
    KingRookPawn,
    /// `contraceptive`, held out: 1,473 women, 9 answers each, 3 classes that the answers hardly tell apart.
    Contraceptive,
    /// `concrete`, held out: 1,030 samples, 7 ingredients and an age each; the compressive strength in MPa.
    Concrete,
    /// `bike-sharing`, held out: 5,000 hours, 12 features of season, hour and weather; the bikes rented.
    BikeSharing,
}

impl Embedded {
    /// All of them.
    pub const ALL: [Embedded; 12] = [
        Embedded::Digits,
        Embedded::Letter,
        Embedded::WineQuality,
        Embedded::FashionMnist,
        Embedded::Satellite,
        Embedded::Segment,
        Embedded::Spambase,
        Embedded::Vowel,
        Embedded::KingRookPawn,
        Embedded::Contraceptive,
        Embedded::Concrete,
        Embedded::BikeSharing,
    ];

    /// The sets that no controller is trained or tuned on: what a shipped one is judged by.
    pub fn held_out() -> &'static [Embedded] {
        &[
            Embedded::Satellite,
            Embedded::Segment,
            Embedded::Spambase,
            Embedded::Vowel,
            Embedded::KingRookPawn,
            Embedded::Contraceptive,
            Embedded::Concrete,
            Embedded::BikeSharing,
        ]
    }

    /// The name that configurations know it by.
    pub fn name(self) -> &'static str {
        match self {
            Embedded::Digits => "digits",
            Embedded::Letter => "letter",
            Embedded::WineQuality => "wine-quality",
            Embedded::FashionMnist => "fashion-mnist",
            Embedded::Satellite => "satellite",
            Embedded::Segment => "segment",
            Embedded::Spambase => "spambase",
            Embedded::Vowel => "vowel",
            Embedded::KingRookPawn => "king-rook-pawn",
            Embedded::Contraceptive => "contraceptive",
            Embedded::Concrete => "concrete",
            Embedded::BikeSharing => "bike-sharing",
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
            Embedded::WineQuality => classes(file!("winequality-red.csv.gz"), "quality"),
            Embedded::FashionMnist => fashion_mnist(),
            Embedded::Satellite => classes(file!("satellite.csv.gz"), "soil"),
            Embedded::Segment => classes(file!("segment.csv.gz"), "surface"),
            Embedded::Spambase => classes(file!("spambase.csv.gz"), "spam"),
            Embedded::Vowel => classes(file!("vowel.csv.gz"), "vowel"),
            Embedded::KingRookPawn => classes(file!("king-rook-pawn.csv.gz"), "outcome"),
            Embedded::Contraceptive => classes(file!("contraceptive.csv.gz"), "method"),
            Embedded::Concrete => values(file!("concrete.csv.gz"), "compressive_strength"),
            Embedded::BikeSharing => values(file!("bike-sharing.csv.gz"), "rentals"),
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
    classes((path, table.as_slice()), "letter")
}

/// A table with a header, for classification by its column `target`.
fn classes((path, bytes): (&Path, &[u8]), target: &str) -> Result<Dataset> {
    let options = CsvOptions {
        target: target.into(),
        kind: TargetKind::Classification,
    };
    parse_csv(path, bytes, &options)
}

/// A table with a header, for regression on its column `target`.
fn values((path, bytes): (&Path, &[u8]), target: &str) -> Result<Dataset> {
    let options = CsvOptions {
        target: target.into(),
        kind: TargetKind::Regression,
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

    /// The values, the least and the most of them.
    fn range(dataset: &Dataset) -> (&[f32], f32, f32) {
        let Targets::Values(values) = &dataset.targets else {
            panic!("not values")
        };
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        (values, least, most)
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
    fn satellites_are_spread_over_the_published_rows() {
        let satellite = Embedded::Satellite.load().unwrap();
        assert_eq!((satellite.rows(), satellite.features), (5000, 36));
        let (labels, count) = count(&satellite);
        assert_eq!(count, [1187, 542, 1062, 487, 550, 1172]);
        assert_eq!((labels[0], labels[4999]), (2, 4));
        assert_eq!(satellite.row(0)[..4], [92., 115., 120., 94.]);
        // Row 4999 * 6435 / 5000 = 6433 of those that were published.
        assert_eq!(satellite.row(4999)[..4], [63., 73., 97., 86.]);
        let published: [f64; 6] = [1533., 703., 1358., 626., 707., 1508.];
        for (kept, of) in count.into_iter().zip(published) {
            assert!((kept as f64 / 5000. - of / 6435.).abs() < 0.002);
        }
    }

    #[test]
    fn patches_are_even_and_of_one_size() {
        let segment = Embedded::Segment.load().unwrap();
        assert_eq!((segment.rows(), segment.features), (2310, 19));
        let (labels, count) = count(&segment);
        assert_eq!(count, [330; 7]);
        assert_eq!(labels[..4], [5, 2, 5, 5]);
        assert_eq!(segment.row(0)[..3], [218., 178., 9.]);
        for row in segment.inputs.chunks_exact(19) {
            // By the description of the set: 9 pixels, and the intensity is (R + G + B) / 3.
            let mean = (row[10] + row[11] + row[12]) / 3.;
            assert!(row[2] == 9. && (row[9] - mean).abs() < 1e-3, "{row:?}");
        }
    }

    #[test]
    fn mails_are_complete() {
        let mails = Embedded::Spambase.load().unwrap();
        assert_eq!((mails.rows(), mails.features), (4601, 57));
        let (labels, count) = count(&mails);
        assert_eq!(count, [2788, 1813]);
        assert_eq!((labels[0], labels[4600]), (1, 0));
        assert_eq!(mails.row(0)[..5], [0., 0.64, 0.64, 0., 0.32]);
        for row in mails.inputs.chunks_exact(57) {
            // Frequencies in per cent; the mean, the longest and all of the capitals in a row.
            assert!(row[..54].iter().all(|share| (0. ..=100.).contains(share)));
            assert!(row[54] <= row[55] && row[55] <= row[56], "{row:?}");
        }
    }

    #[test]
    fn vowels_are_spoken_in_turn() {
        let vowel = Embedded::Vowel.load().unwrap();
        assert_eq!((vowel.rows(), vowel.features), (990, 10));
        let (labels, count) = count(&vowel);
        assert_eq!(count, [90; 11]);
        let turn: Vec<u32> = (0..11).collect();
        assert!(labels.chunks(11).all(|labels| labels == turn));
        assert_eq!(
            vowel.row(0),
            [
                -3.639, 0.418, -0.67, 1.779, -0.168, 1.627, -0.388, 0.529, -0.874, -0.814
            ]
        );
    }

    #[test]
    fn chess_positions_are_yes_or_no() {
        let chess = Embedded::KingRookPawn.load().unwrap();
        assert_eq!((chess.rows(), chess.features), (3196, 38));
        let (labels, count) = count(&chess);
        assert_eq!(count, [1527, 1669]);
        assert_eq!(labels[..4], [1; 4]);
        assert!(chess.inputs.iter().all(|&input| input == 0. || input == 1.));
        for row in chess.inputs.chunks_exact(38) {
            // `katri`, the one feature of three values: one column for each.
            assert_eq!(row[14..17].iter().sum::<f32>(), 1.);
        }
        let yes = (0..chess.features).filter(|&feature| chess.row(0)[feature] == 1.);
        assert_eq!(yes.collect::<Vec<_>>(), [12, 15, 19, 27, 35, 36]);
    }

    #[test]
    fn contraceptive_methods_are_three() {
        let contraceptive = Embedded::Contraceptive.load().unwrap();
        assert_eq!((contraceptive.rows(), contraceptive.features), (1473, 9));
        let (labels, count) = count(&contraceptive);
        assert_eq!(count, [629, 333, 511]);
        assert_eq!((labels[0], labels[1472]), (0, 2));
        assert_eq!(contraceptive.row(0), [24., 2., 3., 3., 1., 1., 2., 3., 0.]);
    }

    #[test]
    fn concrete_is_as_strong_as_published() {
        let concrete = Embedded::Concrete.load().unwrap();
        assert_eq!((concrete.rows(), concrete.features), (1030, 8));
        let (strengths, least, most) = range(&concrete);
        assert_eq!((strengths[0], least, most), (79.99, 2.33, 82.6));
        let total: f64 = strengths.iter().map(|&strength| f64::from(strength)).sum();
        assert!((total / 1030. - 35.818).abs() < 1e-3);
        assert_eq!(concrete.row(0), [540., 0., 0., 162., 2.5, 1040., 676., 28.]);
    }

    #[test]
    fn bikes_are_rented_by_the_hour() {
        let bikes = Embedded::BikeSharing.load().unwrap();
        assert_eq!((bikes.rows(), bikes.features), (5000, 12));
        let (rentals, least, most) = range(&bikes);
        assert_eq!(
            (&rentals[..3], least, most),
            (&[16., 40., 13.][..], 1., 651.)
        );
        let total: f64 = rentals.iter().map(|&rented| f64::from(rented)).sum();
        assert_eq!(total, 718_488.);
        assert_eq!(
            bikes.row(0),
            [1., 1., 1., 0., 0., 6., 0., 1., 0.24, 0.2879, 0.81, 0.]
        );
        for row in bikes.inputs.chunks_exact(12) {
            // Month, day of the year and hour; the shares that weather was published as.
            assert!((1. ..=12.).contains(&row[1]) && (1. ..=365.).contains(&row[2]));
            assert!((0. ..=23.).contains(&row[3]), "{row:?}");
            assert!(row[8..].iter().all(|share| (0. ..=1.).contains(share)));
        }
    }

    #[test]
    fn held_out_sets_are_small_and_various() {
        let all = Embedded::ALL;
        let (others, held_out) = all.split_at(4);
        assert_eq!(held_out, Embedded::held_out());
        assert!(!others.iter().any(|set| held_out.contains(set)));
        let classes = held_out.iter().map(|set| {
            let dataset = set.load().unwrap();
            assert!((900..=5000).contains(&dataset.rows()), "{set}");
            assert!((5..=100).contains(&dataset.features), "{set}");
            dataset.classes()
        });
        let classes: Vec<Option<usize>> = classes.collect();
        let expected = [6_usize, 7, 2, 11, 2, 3].map(Some);
        assert_eq!(classes, [&expected[..], &[None, None]].concat());
    }

    #[test]
    fn every_set_splits_with_every_class_in_every_part() {
        for set in Embedded::ALL {
            let split = split(&set.load().unwrap(), &SplitConfig::default()).unwrap();
            for part in [&split.train, &split.validation, &split.test] {
                assert!(part.inputs.iter().all(|input| input.is_finite()), "{set}");
                match &part.targets {
                    Targets::Classes { .. } => {
                        assert!(count(part).1.iter().all(|&rows| rows > 0), "{set}");
                    }
                    Targets::Values(values) => {
                        assert!(values.iter().all(|value| value.is_finite()), "{set}");
                    }
                }
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
