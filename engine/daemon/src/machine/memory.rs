//! Memory, and the limits of the process.

use super::{Found, Machine};
use crate::output::{Bytes, Thousands};

/// Whether the kernel gives large pages to those who ask for them, as books do.
pub(super) fn transparent_huge_pages(machine: &Machine) -> Found {
    const ABOUT: &str = "huge pages";
    match machine.read("/sys/kernel/mm/transparent_hugepage/enabled") {
        Err(why) => Found::unknown(ABOUT, why),
        Ok(modes) if modes.contains("[never]") => Found::costs(
            ABOUT,
            "never given",
            "each look at an order of a large book may miss the TLB",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        Ok(modes) if modes.contains("[always]") => Found::ok(ABOUT, "given to everybody"),
        Ok(modes) if modes.contains("[madvise]") => {
            Found::ok(ABOUT, "given to those who ask for them, as books do")
        }
        Ok(modes) => Found::unknown(ABOUT, format!("the modes are {modes}")),
    }
}

/// Pages set apart; tapewatch needs none, others on the machine may.
pub(super) fn reserved_huge_pages(machine: &Machine) -> Found {
    const ABOUT: &str = "reserved pages";
    const PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    let count = |what: &str| machine.number(&format!("{PAGES}/{what}"));
    match (count("nr_hugepages"), count("free_hugepages")) {
        (Ok(all), Ok(free)) => {
            let [all, free] = [all, free].map(Thousands);
            Found::ok(ABOUT, format!("{free} of {all} pages of 2 MiB are free, none is needed"))
        }
        (Err(why), _) | (_, Err(why)) => Found::unknown(ABOUT, why),
    }
}

/// Whether pages may go to a disk.
pub(super) fn swap(machine: &Machine) -> Found {
    const ABOUT: &str = "swap";
    let swaps = match machine.read("/proc/swaps") {
        Err(why) => return Found::unknown(ABOUT, why),
        Ok(text) => text.lines().count().saturating_sub(1),
    };
    let swappiness = machine.number("/proc/sys/vm/swappiness");
    match (swaps, swappiness) {
        (0, _) => Found::ok(ABOUT, "none"),
        (_, Ok(0)) => Found::ok(ABOUT, "only where memory is exhausted (vm.swappiness is 0)"),
        (_, swappiness) => {
            let swappiness = swappiness.map(|at| format!(", vm.swappiness is {at}"));
            Found::costs(
                ABOUT,
                format!("there is some{}", swappiness.unwrap_or_default()),
                "a page that was put away takes a disk's time to come back: 0.1 to 10 ms",
                "swapoff -a, or MemorySwapMax=0 for the service",
            )
        }
    }
}

/// A soft limit of the process: its number, none if unlimited.
fn limit(machine: &Machine, name: &str) -> Result<Option<u64>, String> {
    const PATH: &str = "/proc/self/limits";
    let text = machine.read(PATH)?;
    let soft = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    match soft {
        Some("unlimited") => Ok(None),
        Some(soft) => soft.parse().map(Some).map_err(|_| format!("{PATH} holds no number: {soft}")),
        None => Err(format!("{PATH} does not tell {}", name.to_lowercase())),
    }
}

/// How much memory may be kept from the disk.
pub(super) fn locked(machine: &Machine) -> Found {
    const ABOUT: &str = "locked memory";
    /// What live feeds give to the kernel, and a recording's ring.
    const NEEDED: u64 = 64 << 20;
    match limit(machine, "Max locked memory") {
        Err(why) => Found::unknown(ABOUT, why),
        Ok(None) => Found::ok(ABOUT, "unlimited"),
        Ok(Some(bytes)) if bytes >= NEEDED => Found::ok(ABOUT, Bytes(bytes).to_string()),
        Ok(Some(bytes)) => Found::costs(
            ABOUT,
            format!("{} at most", Bytes(bytes)),
            "rings and buffers cannot be kept in memory, and kernels before 5.12 refuse io_uring",
            "ulimit -l unlimited, or LimitMEMLOCK=infinity for the service",
        ),
    }
}

/// How many files and sockets may be open.
pub(super) fn open_files(machine: &Machine) -> Found {
    const ABOUT: &str = "open files";
    match limit(machine, "Max open files") {
        Err(why) => Found::unknown(ABOUT, why),
        Ok(Some(files)) if files < 4096 => Found::costs(
            ABOUT,
            format!("{} at most", Thousands(files)),
            "clients are turned away, and files of a large replay are not opened",
            "ulimit -n 65536, or LimitNOFILE=65536 for the service",
        ),
        Ok(files) => {
            Found::ok(ABOUT, files.map_or("unlimited".into(), |of| format!("{}", Thousands(of))))
        }
    }
}

/// Whether threads may have a priority above all others.
pub(super) fn priority(machine: &Machine) -> Found {
    const ABOUT: &str = "real-time priority";
    match limit(machine, "Max realtime priority") {
        Err(why) => Found::unknown(ABOUT, why),
        Ok(Some(0)) => Found::costs(
            ABOUT,
            "none may be had",
            "where cores are not isolated, a pinned thread waits its turn like everybody",
            "isolate cores; or ulimit -r 50 (LimitRTPRIO=50) and chrt -f 10, on cores of one's own",
        ),
        Ok(most) => {
            let most = most.map_or("any".to_string(), |most| format!("up to {most}"));
            Found::ok(ABOUT, format!("{most} may be had (chrt -f), none is asked for"))
        }
    }
}
