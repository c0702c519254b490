//! What can go wrong while drawing.

use std::path::PathBuf;

/// An error of the pictures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to draw.
    #[error("{}: cannot be drawn without {record}; check that the run got that far", path.display())]
    Missing {
        /// The picture.
        path: PathBuf,
        /// The record that is missing.
        record: String,
    },
    /// The picture could not be drawn.
    #[error("{}: drawing failed: {reason}", path.display())]
    Draw {
        /// The picture.
        path: PathBuf,
        /// What the drawing library said.
        reason: String,
    },
    /// The picture could not be written.
    #[error("{}: {reason}; give the name of a file in a folder that exists and can be written to", path.display())]
    Write {
        /// The picture.
        path: PathBuf,
        /// What the file system said.
        reason: String,
    },
}
