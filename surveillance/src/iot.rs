//! Anomalies of devices.

pub mod mean_threshold;

pub use mean_threshold::MeanThreshold;
