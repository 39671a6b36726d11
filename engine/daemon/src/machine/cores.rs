//! The cores: how many are ours, and who else may come in between.

use super::{Found, Machine, counted, listed, spans};

/// Where the kernel tells about cores.
const CPU: &str = "/sys/devices/system/cpu";

/// How many cores there are, and how many of them are ours.
pub(super) fn allowed(machine: &Machine) -> Found {
    const ABOUT: &str = "cores";
    let ours = &machine.allowed;
    let online = machine.read(&format!("{CPU}/online")).map(|text| listed(&text).len());
    let of = online.map(|online| format!(" of {online}")).unwrap_or_default();
    let is = format!("{}{of} may be used: {}", ours.len(), spans(ours));
    match ours.len() {
        0 => Found::unknown(ABOUT, "the kernel does not tell which cores may be used"),
        1 => Found::costs(
            ABOUT,
            is,
            "all stages take turns on one core: receiving waits while books are rebuilt",
            "give the process two cores or more (taskset -c, cpuset, the virtual machine's size)",
        ),
        _ => Found::ok(ABOUT, is),
    }
}

/// Whether a control group stops the process when it has used its share.
pub(super) fn quota(machine: &Machine) -> Found {
    const ABOUT: &str = "quota";
    let limits = control_groups(machine).into_iter().filter_map(|group| {
        let text = machine.read(&format!("/sys/fs/cgroup{group}/cpu.max")).ok()?;
        let (share, period) = text.split_once(' ')?;
        let (period, share): (f64, _) = (period.parse().ok()?, share.parse::<f64>().ok());
        Some(share.map(|share| (share / period, period / 1000.0)))
    });
    let limits: Vec<_> = limits.collect();
    let tightest = limits.iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
    match (tightest, limits.is_empty()) {
        (Some((cores, period)), _) => Found::costs(
            ABOUT,
            format!("a control group allows {cores:.2} cores in each {period} ms"),
            "threads that spin use it up, and then stand still until the period is over: milliseconds",
            "run without a CPU limit (in Kubernetes: the static CPU manager and whole cores)",
        ),
        (None, false) => Found::ok(ABOUT, "no control group limits the process"),
        (None, true) => Found::unknown(ABOUT, "no control group tells a limit (cpu.max)"),
    }
}

/// The process's control group and those above it.
fn control_groups(machine: &Machine) -> Vec<String> {
    let text = machine.read("/proc/self/cgroup").unwrap_or_default();
    let own = text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let mut group = own.trim_end_matches('/');
    let mut groups = vec![group.to_string()];
    while let Some((above, _)) = group.rsplit_once('/') {
        group = above;
        groups.push(group.to_string());
    }
    groups
}

/// Whether the scheduler keeps others off our cores.
pub(super) fn isolation(machine: &Machine) -> Found {
    const ABOUT: &str = "isolation";
    let isolated = match machine.read(&format!("{CPU}/isolated")) {
        Ok(text) => listed(&text),
        Err(why) => return Found::unknown(ABOUT, why),
    };
    let ours: Vec<_> =
        machine.allowed.iter().copied().filter(|core| isolated.contains(core)).collect();
    let partition = control_groups(machine).into_iter().any(|group| {
        let path = format!("/sys/fs/cgroup{group}/cpuset.cpus.partition");
        machine.read(&path).is_ok_and(|kind| kind == "isolated")
    });
    if partition {
        return Found::ok(ABOUT, "the process has an isolated cpuset");
    }
    match ours.len() {
        // One is enough for the fused topology.
        1.. if ours.len() + 1 >= machine.allowed.len() => {
            Found::ok(ABOUT, format!("isolated: {}", spans(&ours)))
        }
        some => Found::costs(
            ABOUT,
            format!(
                "{some} of our {} are isolated",
                counted(machine.allowed.len(), "core", "cores")
            ),
            "the scheduler lets others in on pinned threads: from 2 µs to several ms each time",
            format!(
                "boot with isolcpus={0} nohz_full={0} rcu_nocbs={0} and start with taskset -c {0}, or \
                 give the process an isolated cpuset",
                spans(machine.allowed.get(1..).filter(|of| !of.is_empty()).unwrap_or(&[1])),
            ),
        ),
    }
}

/// Whether the timer's ticks stop on our cores.
pub(super) fn ticks(machine: &Machine) -> Found {
    const ABOUT: &str = "timer ticks";
    let told = machine.read(&format!("{CPU}/nohz_full"));
    let without = match &told {
        Ok(text) => listed(text),
        // Kernels built without it have the other files, and not this one.
        Err(_) if machine.read(&format!("{CPU}/online")).is_ok() => Vec::new(),
        Err(why) => return Found::unknown(ABOUT, why.clone()),
    };
    let ours = machine.allowed.iter().filter(|core| without.contains(core)).count();
    match ours {
        1.. => Found::ok(ABOUT, format!("stopped while one thread runs: {}", spans(&without))),
        0 => Found::costs(
            ABOUT,
            match told {
                Ok(_) => "the timer ticks on all our cores",
                Err(_) => "the timer ticks on all our cores, and this kernel cannot stop it",
            },
            "100 to 1000 interrupts a second and core, of about 1 to 5 µs each",
            "boot a kernel with CONFIG_NO_HZ_FULL with nohz_full= and the cores of the pinned threads",
        ),
    }
}

/// Whether two of our cores are halves of one.
pub(super) fn siblings(machine: &Machine) -> Found {
    const ABOUT: &str = "SMT siblings";
    let mut pairs = Vec::new();
    let mut strangers = Vec::new();
    for &core in &machine.allowed {
        let path = format!("{CPU}/cpu{core}/topology/thread_siblings_list");
        let siblings = match machine.read(&path) {
            Ok(text) => listed(&text),
            Err(why) => return Found::unknown(ABOUT, why),
        };
        for sibling in siblings.into_iter().filter(|sibling| *sibling != core) {
            if !machine.allowed.contains(&sibling) {
                strangers.push(sibling);
            } else if core < sibling {
                pairs.push(format!("{core} and {sibling}"));
            }
        }
    }
    if let [first, ..] = &pairs[..] {
        let more =
            if pairs.len() > 1 { format!(", and {} more", pairs.len() - 1) } else { String::new() };
        return Found::costs(
            ABOUT,
            format!("{first} are halves of one core{more}"),
            "a thread that spins on one half takes execution units and cache from the other",
            "start with taskset -c and one half of each core, or echo off > /sys/devices/system/cpu/smt/control",
        );
    }
    if !strangers.is_empty() {
        strangers.sort_unstable();
        return Found::costs(
            ABOUT,
            format!("the other halves of our cores belong to others: {}", spans(&strangers)),
            "whoever runs there takes execution units and cache from us",
            "echo off > /sys/devices/system/cpu/smt/control, or keep those cores idle",
        );
    }
    Found::ok(ABOUT, "each of our cores is a whole one, as far as the kernel knows")
}

/// Whether our cores share one memory.
pub(super) fn nodes(machine: &Machine) -> Found {
    const ABOUT: &str = "NUMA nodes";
    const NODES: &str = "/sys/devices/system/node";
    let nodes = machine.names(NODES).into_iter().filter(|name| {
        name.strip_prefix("node").is_some_and(|number| number.parse::<u32>().is_ok())
    });
    let ours: Vec<_> = nodes
        .filter(|node| {
            let cores = machine.read(&format!("{NODES}/{node}/cpulist")).unwrap_or_default();
            listed(&cores).iter().any(|core| machine.allowed.contains(core))
        })
        .collect();
    match &ours[..] {
        [] => Found::unknown(ABOUT, format!("{NODES} names no node of ours")),
        [node] => Found::ok(ABOUT, format!("all our cores are on {node}")),
        many => Found::costs(
            ABOUT,
            format!("our cores are on {}", many.join(", ")),
            "rings and books in another node's memory are farther away: about 1.5 to 2 times",
            "start with numactl --cpunodebind=0 --membind=0",
        ),
    }
}

/// Whether our cores keep their clock.
pub(super) fn governor(machine: &Machine) -> Found {
    const ABOUT: &str = "governor";
    let mut slow = Vec::new();
    for core in &machine.allowed {
        let path = format!("{CPU}/cpu{core}/cpufreq/scaling_governor");
        match machine.read(&path) {
            Ok(governor) if governor == "performance" => {}
            Ok(governor) => slow.push(governor),
            Err(why) if is_virtual(machine) => {
                return Found::unknown(ABOUT, format!("{why}: the host decides"));
            }
            Err(why) => return Found::unknown(ABOUT, why),
        }
    }
    match slow.first() {
        None => Found::ok(ABOUT, "performance"),
        Some(governor) => Found::costs(
            ABOUT,
            format!("{governor} on {}", counted(slow.len(), "core", "cores")),
            "a core that was idle runs slower until its clock has risen: up to some 10 ms",
            "cpupower frequency-set -g performance",
        ),
    }
}

/// Whether there is a host behind the machine.
pub(super) fn host(machine: &Machine) -> Found {
    const ABOUT: &str = "host";
    match machine.read("/proc/cpuinfo") {
        Err(why) => Found::unknown(ABOUT, why),
        Ok(_) if is_virtual(machine) => Found::costs(
            ABOUT,
            "this is a virtual machine",
            "its host takes cores whenever it likes; nothing inside sees it but as time that is missing",
            "a machine of its own, or virtual cores that are pinned to physical ones",
        ),
        Ok(_) => Found::ok(ABOUT, "no virtual machine, as far as the processor tells"),
    }
}

fn is_virtual(machine: &Machine) -> bool {
    let flags = flags(machine).unwrap_or_default();
    flags.split_whitespace().any(|flag| flag == "hypervisor")
}

/// What the first processor says that it can.
pub(super) fn flags(machine: &Machine) -> Result<String, String> {
    let text = machine.read("/proc/cpuinfo")?;
    let flags = text.lines().find_map(|line| {
        let (key, flags) = line.split_once(':')?;
        ["flags", "Features"].contains(&key.trim()).then(|| flags.trim().to_string())
    });
    flags.ok_or_else(|| "/proc/cpuinfo names no flags".to_string())
}
