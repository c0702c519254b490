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

#[cfg(test)]
mod tests {
    use super::*;

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
