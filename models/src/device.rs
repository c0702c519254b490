//! Backends by name.

use crate::{Error, Result};
use burn::tensor::Device;

/// The names that [`device`] knows.
pub const DEVICES: [&str; 4] = ["flex", "libtorch", "cuda", "wgpu"];

/// The device called `name`: `flex` (pure Rust, always there), `libtorch` (feature `tch`), `cuda` (feature `cuda`) or
/// `wgpu` (feature `wgpu`).
///
/// # Errors
/// [`Error::Setting`] for an unknown name, and [`Error::DeviceNotCompiled`] naming the feature for one that this build
/// does not have.
pub fn device(name: &str) -> Result<Device> {
    match name {
        "flex" => Ok(Device::flex()),
        #[cfg(feature = "tch")]
        "libtorch" => Ok(Device::libtorch()),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(0)),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        "libtorch" | "cuda" | "wgpu" => Err(Error::DeviceNotCompiled {
            device: name.to_owned(),
            feature: if name == "libtorch" { "tch" } else { name }.to_owned(),
        }),
        _ => Err(Error::Setting {
            field: "device".to_owned(),
            value: format!("`{name}`"),
            allowed: format!("one of {}", DEVICES.join(", ")),
        }),
    }
}

/// Divides the cores among so many jobs that compute on `device` at once. LibTorch's operations otherwise take all cores, each job's,
/// and two jobs are no faster than one. Where `OMP_NUM_THREADS` is set it holds; other devices need no division.
pub fn divide_cores(device: &Device, jobs: usize) {
    #[cfg(feature = "tch")]
    if *device == Device::libtorch() && jobs > 1 && std::env::var_os("OMP_NUM_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        tch::set_num_threads(i32::try_from(threads_of_each(cores, jobs)).unwrap_or(1));
    }
    #[cfg(not(feature = "tch"))]
    let _ = (device, jobs);
}

/// Threads of one of `jobs` jobs that share the cores: at least one.
#[cfg(any(feature = "tch", test))]
fn threads_of_each(cores: usize, jobs: usize) -> usize {
    (cores / jobs.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_share_the_cores() {
        let threads = [(2, 1), (2, 2), (16, 3), (2, 5), (1, 0)]
            .map(|(cores, jobs)| threads_of_each(cores, jobs));
        assert_eq!(threads, [2, 1, 5, 1, 1]);
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
