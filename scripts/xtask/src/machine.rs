//! The machine that numbers were measured on: a figure without it says nothing.

use std::fs;

use crate::command::program;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    /// How many this process may use, which a container can make fewer than there are.
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: cpu_model(&cpuinfo).unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: if kernel.is_empty() { "unknown".into() } else { kernel.trim().to_owned() },
            rustc: program("rustc")
                .args(["--version"])
                .read()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }
}

/// The first model name: `model name` on x86, `Model` or `CPU part` on ARM boards.
fn cpu_model(cpuinfo: &str) -> Option<&str> {
    ["model name", "Model", "CPU part"].iter().find_map(|key| {
        let line = cpuinfo.lines().find(|line| line.starts_with(key))?;
        line.split_once(':').map(|(_, model)| model.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)\n";
        assert_eq!(cpu_model(cpuinfo), Some("Intel(R) Xeon(R)"));
        assert_eq!(cpu_model("CPU part\t: 0xd0c\n"), Some("0xd0c"));
        assert_eq!(cpu_model(""), None);
    }
}
