//! The one place that names backends.
//!
//! Burn picks a backend by a runtime [`Device`]; a cargo feature adds the constructor. `cargo xtask --device …` chooses the
//! features, so a user of it never meets them.

pub mod memory;

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// A device as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// The CPU, by Burn's flex backend. Always built in.
    Cpu,
    /// The device of this number among those that wgpu finds; the best of them when there is none.
    Wgpu(Option<usize>),
    /// The same through Vulkan and nothing else.
    Vulkan(Option<usize>),
    /// The CUDA device of this number.
    Cuda(usize),
}

/// Why a device cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Not a device name.
    #[error("unknown device `{0}`; expected cpu, wgpu, wgpu:N, vulkan, vulkan:N, cuda or cuda:N")]
    Unknown(String),
    /// The program was built without this backend.
    #[error(
        "this build of gst has no {feature} backend; build one with `cargo build --workspace --bin gst --features gst-train/{feature}`"
    )]
    NotBuilt {
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// The machine has no such device.
    #[error("device `{device}` is not there: {backend} finds {found} on this machine; see `gst devices`")]
    Absent {
        /// The device that was asked for.
        device: String,
        /// Its backend.
        backend: &'static str,
        /// How many devices the backend finds.
        found: usize,
    },
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        let (backend, number) = match text.split_once(':') {
            Some((backend, number)) => (backend, Some(number.parse::<usize>().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (backend, number) {
            ("cpu" | "flex", None) => Ok(Self::Cpu),
            ("wgpu", number) => Ok(Self::Wgpu(number)),
            ("vulkan", number) => Ok(Self::Vulkan(number)),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Wgpu(None) => f.write_str("wgpu"),
            Self::Wgpu(Some(index)) => write!(f, "wgpu:{index}"),
            Self::Vulkan(None) => f.write_str("vulkan"),
            Self::Vulkan(Some(index)) => write!(f, "vulkan:{index}"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl DeviceName {
    /// Opens the device.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] when its cargo feature was left out, [`DeviceError::Absent`] when the machine has none.
    pub fn open(self) -> Result<Device, DeviceError> {
        let (backend, index) = match self {
            Self::Cpu => return Ok(Device::flex()),
            Self::Wgpu(index) => (Backend::Wgpu, index),
            Self::Vulkan(index) => (Backend::Vulkan, index),
            Self::Cuda(index) => (Backend::Cuda, Some(index)),
        };
        let devices = backend.devices()?;
        let found = devices.len();
        let absent = || DeviceError::Absent { device: self.to_string(), backend: backend.name(), found };
        let numbered = devices.into_iter().nth(index.unwrap_or(0)).ok_or_else(absent)?;
        Ok(if index.is_none() { backend.best().unwrap_or(numbered) } else { numbered })
    }
}

/// A backend beside the CPU one. Each is a cargo feature of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// wgpu, whichever graphics interface it chooses.
    Wgpu,
    /// wgpu through Vulkan.
    Vulkan,
    /// CUDA.
    Cuda,
}

impl Backend {
    /// Every backend beside the CPU one.
    pub const ALL: [Self; 3] = [Self::Wgpu, Self::Vulkan, Self::Cuda];

    /// Name of the backend, and of its cargo feature.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }

    /// What a machine needs for it beside the build.
    #[must_use]
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Wgpu => "a graphics driver with Vulkan, Metal or DirectX 12",
            Self::Vulkan => "a graphics driver with Vulkan",
            Self::Cuda => "an NVIDIA driver (libcuda) and a card",
        }
    }

    /// The devices that the backend finds on this machine, in the order of their numbers.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] when its cargo feature was left out.
    pub fn devices(self) -> Result<Vec<Device>, DeviceError> {
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec()),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::enumerate(burn::tensor::DeviceType::Vulkan).into_vec()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec()),
            #[allow(unreachable_patterns, reason = "with every feature on, no backend is left")]
            _ => Err(DeviceError::NotBuilt { feature: self.name() }),
        }
    }

    /// The device that the backend itself prefers, where it has a preference.
    fn best(self) -> Option<Device> {
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[allow(unreachable_patterns, reason = "with every feature on, CUDA alone is left")]
            _ => None,
        }
    }
}

/// The name that a device gives itself, such as the card's.
#[must_use]
pub fn identity(device: &Device) -> String {
    #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    format!("{device:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, expected) in [
            ("cpu", "cpu"),
            ("flex", "cpu"),
            ("cuda", "cuda:0"),
            ("cuda:3", "cuda:3"),
            ("wgpu", "wgpu"),
            ("wgpu:1", "wgpu:1"),
            ("vulkan:0", "vulkan:0"),
        ] {
            assert_eq!(text.parse::<DeviceName>().unwrap().to_string(), expected);
        }
        for text in ["", "gpu", "cuda:x", "cpu:1", "wgpu:-1", "cuda:"] {
            assert_eq!(text.parse::<DeviceName>(), Err(DeviceError::Unknown(text.into())));
        }
    }

    #[test]
    fn a_device_that_cannot_be_had_says_why() {
        for backend in Backend::ALL {
            let name: DeviceName = format!("{}:99", backend.name()).parse().unwrap();
            let error = name.open().err().unwrap();
            match backend.devices() {
                Err(_) => assert_eq!(error, DeviceError::NotBuilt { feature: backend.name() }),
                Ok(found) => assert!(error.to_string().contains(&format!("finds {} on", found.len())), "{error}"),
            }
        }
    }
}
