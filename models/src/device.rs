//! Backends by name.

use crate::{Error, Result};
use burn::tensor::Device;

/// The names that [`device`] knows.
pub const DEVICES: [&str; 4] = ["flex", "libtorch", "cuda", "wgpu"];

/// The device called `name`: `flex` (pure Rust, always there), `libtorch` (feature `tch`), `cuda` (feature `cuda`) or
/// `wgpu` (feature `wgpu`).
///
/// # Errors
/// [`Error::Config`] for an unknown name, and [`Error::DeviceNotCompiled`] naming the feature for one that this build
/// does not have.
pub fn device(name: &str) -> Result<Device> {
    match name {
        "flex" => Ok(Device::flex()),
        #[cfg(feature = "tch")]
        "libtorch" => Ok(libtorch()),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(0)),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        _ if DEVICES.contains(&name) => Err(Error::DeviceNotCompiled {
            device: name.to_owned(),
            feature: if name == "libtorch" { "tch" } else { name }.to_owned(),
        }),
        _ => Err(Error::Config {
            field: "device".to_owned(),
            given: format!("`{name}`"),
            allowed: format!("one of {}", DEVICES.join(", ")),
        }),
    }
}

/// burn 0.22 says of it that it will go, and that CUDA and others by CubeCL take its place.
#[cfg(feature = "tch")]
#[expect(deprecated, reason = "it is the feature")]
fn libtorch() -> Device {
    Device::libtorch()
}

/// Divides the cores among `jobs` trainings at the same time, before the first operation on the device called `name`. Every operation of
/// LibTorch takes all of them otherwise, and two trainings are no faster than one. With one job, with `OMP_NUM_THREADS` set and on other
/// devices it does nothing.
pub fn divide_cores(name: &str, jobs: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let chosen = std::env::var_os("OMP_NUM_THREADS").is_some_and(|threads| !threads.is_empty());
    if let Some(threads) = threads_of_each(name, cores, jobs, chosen) {
        set_threads(threads);
    }
}

/// Threads for an operation of each job; `None` leaves the number as it is. `chosen` says that somebody has decided already.
fn threads_of_each(name: &str, cores: usize, jobs: usize, chosen: bool) -> Option<usize> {
    (name == "libtorch" && jobs > 1 && !chosen).then(|| (cores / jobs).max(1))
}

#[cfg(feature = "tch")]
fn set_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}

/// There is no LibTorch in this build.
#[cfg(not(feature = "tch"))]
fn set_threads(_threads: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_divided_among_jobs_of_libtorch() {
        let each = |cores, jobs| threads_of_each("libtorch", cores, jobs, false);
        assert_eq!(each(8, 2), Some(4));
        assert_eq!(each(8, 3), Some(2));
        assert_eq!(each(2, 2), Some(1));
        // More jobs than cores.
        assert_eq!(each(2, 5), Some(1));
        // One job takes them all, as it would without being told.
        assert_eq!(each(8, 1), None);
        assert_eq!(threads_of_each("flex", 8, 2, false), None);
        assert_eq!(threads_of_each("libtorch", 8, 2, true), None);
    }

    #[test]
    fn unknown_and_absent_devices_are_told_apart() {
        assert!(device("flex").is_ok());
        let unknown = device("gpu").unwrap_err().to_string();
        assert!(
            unknown.contains("`gpu`") && unknown.contains("flex"),
            "{unknown}"
        );
        #[cfg(not(feature = "tch"))]
        {
            let absent = device("libtorch").unwrap_err().to_string();
            assert!(absent.contains("--features tch"), "{absent}");
        }
    }
}
