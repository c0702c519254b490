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
fn pen_digits_are_spread_over_the_published_rows() {
    let digits = Embedded::PenDigits.load().unwrap();
    assert_eq!((digits.rows(), digits.features), (4000, 16));
    let (labels, count) = count(&digits);
    assert_eq!(count, [391, 411, 414, 406, 411, 387, 389, 404, 401, 386]);
    assert_eq!((labels[0], labels[3999]), (8, 4));
    assert!(digits.inputs.iter().all(|at| (0. ..=100.).contains(at)));
}

#[test]
fn showers_are_of_two_particles() {
    let magic = Embedded::Magic.load().unwrap();
    assert_eq!((magic.rows(), magic.features), (4000, 10));
    assert_eq!(count(&magic).1, [2594, 1406]);
    assert_eq!(magic.row(0)[..3], [28.7967, 16.0021, 2.6449]);
}

#[test]
fn mushrooms_of_most_smells_are_of_one_kind() {
    let mushroom = Embedded::Mushroom.load().unwrap();
    assert_eq!((mushroom.rows(), mushroom.features), (2000, 87));
    let (labels, count) = count(&mushroom);
    assert_eq!(count, [755, 1245]);
    for (row, &label) in mushroom.inputs.chunks_exact(87).zip(labels) {
        // Columns 18 to 24 are the smells, the sixth of them none: all others tell whether it can be eaten.
        assert_eq!(row[18..25].iter().sum::<f32>(), 1.);
        let edible = row[18] + row[21] == 1.;
        assert!(row[23] == 1. || edible == (label == 1), "{row:?}");
    }
}

#[test]
fn nursery_ranks_follow_from_rules() {
    let nursery = Embedded::Nursery.load().unwrap();
    assert_eq!((nursery.rows(), nursery.features), (4000, 26));
    let (labels, count) = count(&nursery);
    assert_eq!(count, [1336, 1306, 1250, 108]);
    for (row, &label) in nursery.inputs.chunks_exact(26).zip(labels) {
        // By the source: health `not_recom` alone decides on the rank `not_recom`.
        assert_eq!(row[23] == 1., label == 0, "{row:?}");
    }
}

#[test]
fn three_in_a_row_win() {
    const ROWS: [[usize; 3]; 8] = [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
        [0, 3, 6],
        [1, 4, 7],
        [2, 5, 8],
        [0, 4, 8],
        [2, 4, 6],
    ];
    let boards = Embedded::TicTacToe.load().unwrap();
    assert_eq!((boards.rows(), boards.features), (958, 27));
    let (labels, count) = count(&boards);
    assert_eq!(count, [332, 626]);
    for (board, &label) in boards.inputs.chunks_exact(27).zip(labels) {
        // Each square is blank, O or X.
        let x = |square: usize| board[3 * square + 2] == 1.;
        let wins = ROWS.iter().any(|row| row.iter().all(|&square| x(square)));
        assert_eq!(wins, label == 1, "{board:?}");
    }
}

#[test]
fn vehicles_are_of_four_kinds() {
    let vehicle = Embedded::Vehicle.load().unwrap();
    assert_eq!((vehicle.rows(), vehicle.features), (846, 18));
    assert_eq!(count(&vehicle).1, [218, 212, 217, 199]);
    assert_eq!(vehicle.row(0)[..4], [95., 48., 83., 178.]);
}

#[test]
fn shells_have_rings() {
    let abalone = Embedded::Abalone.load().unwrap();
    assert_eq!((abalone.rows(), abalone.features), (4177, 9));
    let (rings, least, most) = range(&abalone);
    assert_eq!((&rings[..2], least, most), (&[15., 7.][..], 1., 29.));
    assert_eq!(abalone.row(0)[..4], [1., 0., 0.455, 0.365]);
}

#[test]
fn sounds_and_loads_are_centred() {
    for (set, rows, features, spread) in [
        (Embedded::Airfoil, 1503, 5, (-21.456, 16.151)),
        (Embedded::Energy, 768, 8, (-16.297, 20.793)),
    ] {
        let dataset = set.load().unwrap();
        assert_eq!((dataset.rows(), dataset.features), (rows, features));
        let (values, least, most) = range(&dataset);
        assert_eq!((least, most), spread);
        let total: f64 = values.iter().map(|&value| f64::from(value)).sum();
        assert!((total / rows as f64).abs() < 1e-3, "{set}: {total}");
    }
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
    let (others, held_out) = all.split_at(13);
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

/// Tables are read with 64 bits and these are kept with 32: no cell may come to another number on the way.
#[test]
fn no_cell_is_rounded_twice_to_another_number() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut cells = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".csv.gz") {
            continue;
        }
        let file = gzip::read(&path).unwrap();
        let text = gzip::decompress(&path, &file).unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        for cell in text.lines().flat_map(|line| line.split(',')) {
            if let (Ok(short), Ok(long)) = (cell.parse::<f32>(), cell.parse::<f64>()) {
                assert_eq!(short, long as f32, "{cell} of {}", path.display());
                cells += 1;
            }
        }
    }
    assert!(cells > 1_000_000, "{cells}");
}
