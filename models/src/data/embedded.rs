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

use super::{Dataset, TargetKind, Targets, gzip, parse_idx, table};
use crate::error::{Error, Result};

/// A file of `models/data`: its name, for messages, and its bytes.
macro_rules! file {
    ($name:literal) => {
        (
            Path::new($name),
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/", $name)).as_slice(),
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
    /// `pen-digits`: 4,000 digits written on a tablet, as 8 points each, 10 even classes.
    PenDigits,
    /// `magic`: 4,000 showers of particles as a telescope saw them, 10 features each, 2 classes.
    Magic,
    /// `mushroom`: 2,000 mushrooms as 87 yes or no, 2 classes: edible or not.
    Mushroom,
    /// `nursery`: 4,000 applications as 26 yes or no, 4 classes that follow from rules.
    Nursery,
    /// `tic-tac-toe`: 958 final boards as 27 yes or no, 2 classes: X wins or not.
    TicTacToe,
    /// `vehicle`: 846 silhouettes of cars, 18 features each, 4 classes.
    Vehicle,
    /// `abalone`: 4,177 shells, 9 measurements each; the rings.
    Abalone,
    /// `airfoil`: 1,503 measurements in a wind tunnel, 5 features each; the sound pressure.
    Airfoil,
    /// `energy`: 768 simulated buildings, 8 features each; the heating load.
    Energy,
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
    pub const ALL: [Embedded; 21] = [
        Embedded::Digits,
        Embedded::Letter,
        Embedded::WineQuality,
        Embedded::FashionMnist,
        Embedded::PenDigits,
        Embedded::Magic,
        Embedded::Mushroom,
        Embedded::Nursery,
        Embedded::TicTacToe,
        Embedded::Vehicle,
        Embedded::Abalone,
        Embedded::Airfoil,
        Embedded::Energy,
        Embedded::Satellite,
        Embedded::Segment,
        Embedded::Spambase,
        Embedded::Vowel,
        Embedded::KingRookPawn,
        Embedded::Contraceptive,
        Embedded::Concrete,
        Embedded::BikeSharing,
    ];

    /// The sets that no controller is trained or tuned on; those that ship are judged by them.
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
            Embedded::PenDigits => "pen-digits",
            Embedded::Magic => "magic",
            Embedded::Mushroom => "mushroom",
            Embedded::Nursery => "nursery",
            Embedded::TicTacToe => "tic-tac-toe",
            Embedded::Vehicle => "vehicle",
            Embedded::Abalone => "abalone",
            Embedded::Airfoil => "airfoil",
            Embedded::Energy => "energy",
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
            Embedded::PenDigits => classes(file!("pen-digits.csv.gz"), "digit"),
            Embedded::Magic => classes(file!("magic.csv.gz"), "particle"),
            Embedded::Mushroom => classes(file!("mushroom.csv.gz"), "edible"),
            Embedded::Nursery => classes(file!("nursery.csv.gz"), "rank"),
            Embedded::TicTacToe => classes(file!("tic-tac-toe.csv.gz"), "x_wins"),
            Embedded::Vehicle => classes(file!("vehicle.csv.gz"), "kind"),
            Embedded::Abalone => values(file!("abalone.csv.gz"), "rings"),
            Embedded::Airfoil => values(file!("airfoil.csv.gz"), "sound_pressure"),
            Embedded::Energy => values(file!("energy.csv.gz"), "heating_load"),
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
    let table = [header.as_slice(), &gzip::decompress(path, bytes)?].concat();
    classes((path, table.as_slice()), "letter")
}

/// A table with a header, for classification by its column `target`.
fn classes((path, bytes): (&Path, &[u8]), target: &str) -> Result<Dataset> {
    Ok(table::numeric(path, bytes, target, TargetKind::Classification)?.rounded())
}

/// A table with a header, for regression on its column `target`.
fn values((path, bytes): (&Path, &[u8]), target: &str) -> Result<Dataset> {
    Ok(table::numeric(path, bytes, target, TargetKind::Regression)?.rounded())
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
mod tests;
