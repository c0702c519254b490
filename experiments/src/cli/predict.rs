//! The command line of `predict`.

use super::{Backend, Words, tell};
use crate::record::run_directory::write_whole;
use crate::tune::TrainedModel;
use crate::{Error, Registry, Result};
use clap::Parser;
use std::path::{Path, PathBuf};

/// Predicts new rows with a model that `tune` trained.
#[derive(Parser)]
#[command(
    name = "predict",
    version,
    after_help = "Example:
  predict --model runs/tune/model.json --data new.csv --out predictions.csv"
)]
struct PredictArguments {
    /// The model's model.json, with its model.bpk beside it
    #[arg(long)]
    model: PathBuf,
    /// Table with the columns that the model was trained on, in any order; or IDX file of images
    #[arg(long)]
    data: PathBuf,
    /// The predictions, a row for each row
    #[arg(long, default_value = "predictions.csv")]
    out: PathBuf,
    #[command(flatten)]
    backend: Backend,
}

/// Whether both paths lead to one file that is there.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// The command `predict`.
pub(super) fn predict(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: PredictArguments = words.parse();
    let device = arguments.backend.device()?;
    let weights = arguments.model.with_extension("bpk");
    for input in [&arguments.data, &arguments.model, &weights] {
        if is_same_file(&arguments.out, input) {
            let allowed =
                "it is read from: the predictions would take its place; give another file";
            return Err(Error::config("--out", arguments.out.display(), allowed));
        }
    }
    let model = TrainedModel::load_with(&arguments.model, registry.extensions())?;
    let inputs = model.inputs(&arguments.data)?;
    let text = model.csv(
        &model.predict(&inputs.inputs, &device)?,
        inputs.ids.as_deref(),
    );
    write_whole(&arguments.out, text.as_bytes())?;
    for note in &inputs.notes {
        tell(&arguments.out, format_args!("note: {note}"))?;
    }
    tell(
        &arguments.out,
        format_args!(
            "{} predictions of `{}` are in {}",
            inputs.rows,
            model.target,
            arguments.out.display()
        ),
    )
}
