//! Errors of Rust as exceptions of Python, with the same messages.

use pyo3::PyErr;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use trimtab_experiments::Error;

/// What was given is wrong: `ValueError`. A file cannot be read or written: `OSError`, of the kind that Python has for it. The rest is a
/// `RuntimeError`.
pub fn exception(error: impl Into<Error>) -> PyErr {
    let error = error.into();
    let message = error.to_string();
    match &error {
        Error::File { source, .. }
        | Error::Agent(trimtab_agent::Error::File { source, .. })
        | Error::Models(trimtab_models::Error::Read { source, .. }) => of_a_file(source, message),
        Error::Task { source, .. } => match &**source {
            trimtab_models::Error::Read { source, .. }
            | trimtab_models::Error::Table(trimtab_table::Error::Read { source, .. }) => {
                of_a_file(source, message)
            }
            _ => PyValueError::new_err(message),
        },
        Error::Parse { .. } | Error::Config { .. } | Error::Models(_) | Error::Agent(_) => {
            PyValueError::new_err(message)
        }
        Error::Environment(
            trimtab_env::Error::Config { .. }
            | trimtab_env::Error::ActionHeads { .. }
            | trimtab_env::Error::ActionChoice { .. }
            | trimtab_env::Error::ActionMasked { .. }
            | trimtab_env::Error::Setting { .. },
        ) => PyValueError::new_err(message),
        _ => PyRuntimeError::new_err(message),
    }
}

/// Python chooses the class from the number of the error: `FileNotFoundError`, `PermissionError` and so on.
fn of_a_file(source: &std::io::Error, message: String) -> PyErr {
    match source.raw_os_error() {
        Some(number) => PyOSError::new_err((number, message)),
        None => PyOSError::new_err(message),
    }
}
