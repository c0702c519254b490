//! Numbers far from 0, as years in seconds and times in milliseconds are, and targets that are missing.

use super::{good, predict, predicted, report, rows, tune};
use crate::Folder;
use std::fmt::Write as _;

/// A hundred rows: two inputs, of which the first is `far_input` off, and a target that is `far_target` off and follows from them but
/// for a little noise.
fn table(far_input: i64, far_target: i64) -> String {
    let mut text = "t,z,y\n".to_owned();
    let mut state = 1u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as i64 % 60_000
    };
    for _ in 0..100 {
        let (t, z, noise) = (random(), random(), random() / 30_000);
        let _ = writeln!(
            text,
            "{},{z},{}",
            far_input + t,
            far_target + t / 500 - z / 1000 + noise
        );
    }
    text
}

fn tuned(folder: &Folder, name: &str, text: &str, target: &[&str]) -> String {
    std::fs::write(folder.0.join("data.csv"), text).unwrap();
    let output = tune(
        folder,
        &[
            &[
                "--data", "data.csv", "--epochs", "60", "--out", name, "--target",
            ],
            target,
        ]
        .concat(),
    );
    good(&output);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn numbers_far_from_0_are_learned_as_those_near_it() {
    let folder = Folder::new("tune-far");
    let target = ["y", "--kind", "regression"];
    tuned(&folder, "near", &table(0, 0), &target);
    let near = predicted(&folder, "near");
    tuned(
        &folder,
        "far",
        &table(1_700_000_000_000, 1_700_000_000),
        &target,
    );
    let far = predicted(&folder, "far");
    let figure = |out: &str, name: &str| {
        report(&folder, out)["tuned"]["metrics"][name]
            .as_f64()
            .unwrap()
    };
    for name in ["mae", "r2", "rmse"] {
        let (near, far) = (figure("near", name), figure("far", name));
        assert!(
            (near - far).abs() < 1e-3 * near.abs(),
            "{name}: {near} {far}"
        );
    }
    assert!(figure("far", "r2") > 0.95);
    for (near, far) in rows(&near).into_iter().zip(rows(&far)) {
        let value = |row: &str| row.split_once(',').unwrap().1.parse::<f64>().unwrap();
        let (near, far) = (value(near), value(far));
        assert!((far - 1.7e9 - near).abs() < 0.1, "{near} {far}");
    }
}

#[test]
fn rows_without_a_target_are_left_out_with_a_word() {
    let folder = Folder::new("tune-missing");
    let mut text = "0,1,2\n".to_owned();
    for i in 0..60 {
        let class = ["yes", "no"][i % 2];
        let _ = writeln!(text, "{}.5,{i},{class}", i % 2);
    }
    text += "1,1,NaN\n2,2,NA\n3,3,\n";
    let said = tuned(&folder, "missing", &text, &["2"]);
    assert!(said.contains("classification into 2"), "{said}");
    assert!(
        said.contains("3 rows are left out: `2` is missing there"),
        "{said}"
    );
    // The columns, whose names are numbers, are found again, in any order.
    std::fs::write(folder.0.join("new.csv"), "1,0\n4,0.5\n5,1.5\n").unwrap();
    let arguments = [
        "--model",
        "missing/model.json",
        "--data",
        "new.csv",
        "--out",
        "new-y.csv",
    ];
    good(&predict(&folder, &arguments));
    assert_eq!(rows(&folder.read("new-y.csv")).len(), 2);
}
