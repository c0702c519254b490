//! No bytes bring the reader down: random ones, and files of every kind with some bytes changed.

use proptest::prelude::*;
use std::path::Path;
use trimtab_table::{Cells, Frame, MISSING, ReadOptions, parse};

/// Reads, and checks what a frame promises.
fn reads(bytes: &[u8]) {
    let Ok(frame) = parse(Path::new("t.csv"), bytes, &ReadOptions::default()) else {
        return;
    };
    check(&frame);
}

fn check(frame: &Frame) {
    assert!(frame.rows > 0 && !frame.columns.is_empty());
    let mut names: Vec<&str> = frame
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    names.sort_unstable();
    assert!(
        !names.contains(&"") && names.windows(2).all(|pair| pair[0] != pair[1]),
        "{names:?}"
    );
    for column in &frame.columns {
        assert_eq!(column.cells.len(), frame.rows, "{}", column.name);
        match &column.cells {
            Cells::Numbers(cells) | Cells::Times(cells) => {
                assert!(cells.iter().all(|cell| !cell.is_infinite()))
            }
            Cells::Texts { codes, levels } => {
                assert!(
                    codes
                        .iter()
                        .all(|code| *code == MISSING || (*code as usize) < levels.len())
                );
                let mut firsts: Vec<Option<usize>> = Vec::new();
                for level in 0..levels.len().min(50) {
                    firsts.push(codes.iter().position(|code| *code as usize == level));
                }
                assert!(
                    firsts.is_sorted() && firsts.iter().all(Option::is_some),
                    "levels are in the order in which they come first"
                );
            }
        }
    }
    assert!(frame.lines.is_sorted());
}

/// The fixtures, by name.
fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_bring_the_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        reads(&bytes);
    }

    #[test]
    fn no_text_brings_the_reader_down(text in "[-0-9xy,.;\t|\"'#%$€()\\\\\r\n\u{feff} ]{0,80}") {
        reads(text.as_bytes());
    }

    #[test]
    fn no_text_like_arff_brings_the_reader_down(text in "@relation x\n(@attribute '?[ab]'? (numeric|\\{a, ?'b'\\}|string)\n){0,3}@data\n[-0-9a,.?'\\{\\} \n]{0,40}") {
        reads(text.as_bytes());
    }

    #[test]
    fn no_text_like_json_brings_the_reader_down(text in "[\\[ ]?(\\{\"[abc]\": ?[-0-9a\"\\[\\]\\{\\},.]{0,8}\\}[,\n]?){1,4}\\]?") {
        reads(text.as_bytes());
    }

    #[test]
    fn no_text_like_svmlight_brings_the_reader_down(text in "([-+0-9.]{1,4}( [0-9]{1,3}:[-0-9.e]{1,4}){0,4}\n){1,5}") {
        reads(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each fixture with some bytes changed, and cut.
    #[test]
    fn no_damaged_file_brings_the_reader_down(places in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..8), cut in any::<u32>()) {
        for mut bytes in fixtures() {
            for (place, byte) in &places {
                let place = *place as usize % bytes.len();
                bytes[place] = *byte;
            }
            if cut % 3 == 0 {
                bytes.truncate(cut as usize % bytes.len());
            }
            reads(&bytes);
        }
    }
}
