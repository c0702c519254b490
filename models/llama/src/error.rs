//! What can go wrong in this crate, said so that the reader can put it right.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use trimtab_env::bounds::check_count;
use trimtab_env::error::shortened;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong: each message names the file, the field or the tensor, what was given and what is allowed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened or read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A file or its folder could not be written.
    #[error("{path}: cannot be written: {source}")]
    Write {
        /// The file or the folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// A file that should be JSON.
    #[error("{path}: not the JSON that is expected here: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },

    /// A file of weights that does not hold what its header says.
    #[error("{path}: damaged: {source}; expected a whole file of safetensors")]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: safetensors::SafeTensorError,
    },

    /// A field or an argument holds a value that is not allowed.
    #[error("{origin}: {field}: {given} is not allowed; give {allowed}", given = shortened(.given))]
    Config {
        /// The file, or what the field belongs to.
        origin: String,
        /// Path of the field.
        field: String,
        /// The value as given.
        given: String,
        /// What would be allowed.
        allowed: String,
    },

    /// A size out of bounds, or more than the memory of this machine holds.
    #[error("{origin}: {source}")]
    Bounds {
        /// The file, or what the field belongs to.
        origin: String,
        /// The field, what was given, what is allowed.
        source: trimtab_env::Error,
    },

    /// A tensor that the config calls for is in no file of weights.
    #[error("{path}: no tensor is called `{name}`: expected one of shape {expected:?}")]
    MissingTensor {
        /// The file of weights, or the index of the shards.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that the config calls for.
        expected: Vec<usize>,
    },

    /// A tensor that the config does not call for.
    #[error(
        "{path}: the tensor `{name}` has no place in the model of the config: expected {expected}",
        name = shortened(.name)
    )]
    ExtraTensor {
        /// The file of weights.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What the config calls for.
        expected: String,
    },

    /// A tensor of another shape than the config calls for.
    #[error("{path}: the tensor `{name}` has shape {given:?}: expected {expected:?}")]
    Shape {
        /// The file of weights.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape.
        given: Vec<usize>,
        /// The shape that the config calls for.
        expected: Vec<usize>,
    },

    /// A tensor of another type than is read.
    #[error("{path}: the tensor `{name}` is of type {given}: expected F32, F16 or BF16")]
    ElementType {
        /// The file of weights.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        given: String,
    },

    /// A text, its vocabulary or its windows; or a setting of a training.
    #[error(transparent)]
    Models(#[from] trimtab_models::Error),

    /// A training that cannot go on.
    #[error(transparent)]
    Training(#[from] trimtab_env::Error),

    /// A `tokenizer.json` that cannot be used, or text that it does not take.
    #[error("{path}: {problem}", problem = shortened(.problem))]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the crate `tokenizers` said.
        problem: String,
    },

    /// A name in the index of the shards that is no name of a file in the same folder.
    #[error(
        "{path}: weight_map: `{given}` is not allowed; give the name of a file in the same folder",
        given = shortened(.given)
    )]
    ShardName {
        /// The index.
        path: PathBuf,
        /// The name as given.
        given: String,
    },
}

impl Error {
    /// An [`Error::Tokenizer`].
    #[cfg(feature = "bpe")]
    pub(crate) fn tokenizer(path: &std::path::Path, problem: &dyn std::error::Error) -> Self {
        Self::Tokenizer {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }

    /// An [`Error::Config`] from anything printable.
    pub(crate) fn config(
        origin: &str,
        field: &str,
        given: impl ToString,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Config {
            origin: origin.to_owned(),
            field: field.to_owned(),
            given: given.to_string(),
            allowed: allowed.into(),
        }
    }
}

/// An [`Error::Config`] unless the value is `good`.
pub(crate) fn ensure(
    good: bool,
    origin: &str,
    field: &str,
    given: impl ToString,
    allowed: impl Into<String>,
) -> Result<()> {
    if good {
        Ok(())
    } else {
        Err(Error::config(origin, field, given, allowed))
    }
}

/// An [`Error::Bounds`] unless a size is within its bounds.
pub(crate) fn ensure_count(
    origin: &str,
    field: &str,
    given: usize,
    allowed: RangeInclusive<usize>,
) -> Result<()> {
    check_count(field, given, allowed).map_err(|source| Error::Bounds {
        origin: origin.to_owned(),
        source,
    })
}
