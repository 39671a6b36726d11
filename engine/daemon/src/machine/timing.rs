//! The clock: what it costs to read, and how much time is missing.

use super::{Found, Machine, cores};

/// What the kernel takes the time from.
pub(super) fn clock_source(machine: &Machine) -> Found {
    const ABOUT: &str = "clock source";
    const PATH: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    match machine.read(PATH) {
        Err(why) => Found::unknown(ABOUT, why),
        Ok(source) if ["tsc", "arch_sys_counter"].contains(&source.as_str()) => {
            Found::ok(ABOUT, source)
        }
        Ok(source) => Found::costs(
            ABOUT,
            source,
            "a reading of the kernel's clock is slower, a system call of a microsecond at the worst",
            "boot with clocksource=tsc tsc=reliable, if the processor's counter is constant",
        ),
    }
}

/// Whether the processor's own counter tells the time.
pub(super) fn counter(machine: &Machine) -> Found {
    const ABOUT: &str = "time-stamp counter";
    let flags = match cores::flags(machine) {
        Err(why) => return Found::unknown(ABOUT, why),
        Ok(flags) => flags,
    };
    let has = |wanted: &str| flags.split_whitespace().any(|flag| flag == wanted);
    if !has("tsc") {
        return Found::unknown(ABOUT, "not an x86 processor: its generic timer is taken");
    }
    let missing: Vec<_> =
        ["constant_tsc", "nonstop_tsc"].into_iter().filter(|flag| !has(flag)).collect();
    match &missing[..] {
        [] => Found::ok(ABOUT, "constant_tsc, nonstop_tsc"),
        missing => Found::costs(
            ABOUT,
            format!("the processor does not promise {}", missing.join(", ")),
            "latencies are read from the kernel's clock, at 20 to 50 ns instead of 10",
            "in a virtual machine: let the host pass the processor through (-cpu host,+invtsc)",
        ),
    }
}

/// How much time the host has taken since the machine was started.
pub(super) fn steal(machine: &Machine) -> Found {
    const ABOUT: &str = "steal since boot";
    let text = match machine.read("/proc/stat") {
        Err(why) => return Found::unknown(ABOUT, why),
        Ok(text) => text,
    };
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "));
    // user nice system idle iowait irq softirq steal; guests are in the first two already.
    let ticks: Vec<f64> = line
        .unwrap_or_default()
        .split_whitespace()
        .take(8)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    let [.., steal] = ticks[..] else {
        return Found::unknown(ABOUT, "/proc/stat tells nothing about it");
    };
    if ticks.len() < 8 {
        return Found::unknown(ABOUT, "/proc/stat tells nothing about it");
    }
    let share = steal * 100.0 / ticks.iter().sum::<f64>().max(1.0);
    let is = format!("{share:.3} % of the cores' time");
    match share {
        0.1.. => Found::costs(
            ABOUT,
            is,
            "threads stand still while their core belongs to somebody else on the host",
            "a host that is not shared, or virtual cores that are pinned to physical ones",
        ),
        _ => Found::ok(ABOUT, is),
    }
}
