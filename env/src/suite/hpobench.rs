//! Recorded trainings of small networks.

use crate::metrics::Direction;
use crate::search::table::Columns;
use crate::{Result, Table};

/// The embedded part of the tabular benchmark HPOBench (Eggensperger et al. 2021, "HPOBench: a collection of reproducible
/// multi-fidelity benchmark problems for HPO"): an MLP of two hidden layers of 64 on eight data sets, validation accuracy
/// for 10 learning rates x 10 batch sizes, five repeats each. Cost is the recorded training time in seconds.
///
/// # Errors
/// None: the record is part of the crate and a test reads it.
pub fn hpobench() -> Result<Vec<Table>> {
    let columns = Columns {
        task: "dataset",
        settings: &[("lr", "learning_rate"), ("batch_size", "batch_size")],
        figure: "val_acc",
        cost: "train_time",
    };
    let text = include_str!("../../fixtures/hpobench/lr-bs-d2-w64.csv");
    Table::from_csv(text, &columns, Direction::Maximise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_whole() {
        let tables = hpobench().unwrap();
        let names: Vec<&str> = tables.iter().map(Table::name).collect();
        let wanted = [
            "australian",
            "blood_transfusion",
            "car",
            "credit_g",
            "kc1",
            "phoneme",
            "segment",
            "vehicle",
        ];
        assert_eq!(names, wanted);
        for table in &tables {
            let grid = table.space().grid(10).unwrap();
            assert_eq!(grid.len(), 100);
            let regrets: Vec<f64> = grid.iter().map(|c| table.regret(c).unwrap()).collect();
            let zeros = regrets.iter().filter(|regret| **regret == 0.0).count();
            assert!(zeros >= 1 && regrets.contains(&1.0));
        }
    }
}
