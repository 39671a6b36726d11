//! Made-up machines.

use super::*;
use expect_test::{Expect, expect};
use std::fs;
use std::io;
use tempfile::TempDir;

/// A machine whose files are these.
fn machine(allowed: &[usize], files: &[(&str, &str)]) -> (TempDir, Machine) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let machine = Machine { root: root.path().to_path_buf(), allowed: allowed.to_vec() };
    (root, machine)
}

const CANVAS: Canvas = Canvas { width: 110, colours: false, unicode: true };

fn told(machine: &Machine) -> String {
    let findings = machine.read_all();
    Report { findings, allowed_cores: vec![], distances: vec![], stolen: vec![] }.told(CANVAS)
}

/// A server that somebody has prepared.
const PREPARED: &[(&str, &str)] = &[
    ("/sys/devices/system/cpu/online", "0-7\n"),
    ("/sys/devices/system/cpu/isolated", "2-5\n"),
    ("/sys/devices/system/cpu/nohz_full", "2-5\n"),
    ("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2\n"),
    ("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "3\n"),
    ("/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance\n"),
    ("/sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "performance\n"),
    ("/sys/devices/system/node/node0/cpulist", "0-7\n"),
    ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
    ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
    ("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8\n"),
    ("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "6\n"),
    ("/sys/fs/cgroup/cpu.max", "max 100000\n"),
    ("/proc/self/cgroup", "0::/\n"),
    ("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n"),
    ("/proc/stat", "cpu  1000 0 500 8500 0 0 0 0 0 0\ncpu0 1 2\n"),
    ("/proc/swaps", "Filename Type Size Used Priority\n"),
    (
        "/proc/self/limits",
        "Limit  Soft Limit  Hard Limit  Units\nMax open files  65536  65536  files\n\
         Max locked memory  unlimited  unlimited  bytes\nMax realtime priority  50  50\n",
    ),
    ("/proc/sys/net/core/rmem_max", "67108864\n"),
    ("/proc/irq/default_smp_affinity", "00000003\n"),
    ("/proc/irq/24/effective_affinity_list", "1\n"),
];

/// A machine as it comes.
const BARE: &[(&str, &str)] = &[
    ("/sys/devices/system/cpu/online", "0-3\n"),
    ("/sys/devices/system/cpu/isolated", "\n"),
    ("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2\n"),
    ("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2\n"),
    ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
    ("/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave\n"),
    ("/sys/devices/system/node/node0/cpulist", "0-1\n"),
    ("/sys/devices/system/node/node1/cpulist", "2-3\n"),
    ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"),
    ("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"),
    ("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "lots\n"),
    ("/sys/fs/cgroup/pod/box/cpu.max", "max 100000\n"),
    ("/sys/fs/cgroup/pod/cpu.max", "150000 100000\n"),
    ("/proc/self/cgroup", "1:cpu:/\n0::/pod/box\n"),
    ("/proc/cpuinfo", "flags\t\t: fpu tsc hypervisor\n"),
    ("/proc/stat", "cpu  1000 0 500 8000 0 0 0 500 0 0\n"),
    ("/proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 8 0 -2\n"),
    ("/proc/sys/vm/swappiness", "60\n"),
    (
        "/proc/self/limits",
        "Max open files  1024  1024  files\nMax locked memory  8388608  8388608  bytes\n\
         Max realtime priority  0  0\n",
    ),
    ("/proc/sys/net/core/rmem_max", "212992\n"),
    ("/proc/irq/default_smp_affinity", "f\n"),
];

#[test]
fn a_prepared_machine_has_nothing_to_change() {
    let (_root, machine) = machine(&[2, 3], PREPARED);
    expect![[r#"
        this machine
          ok      cores               2 of 8 may be used: 2-3
          ok      quota               no control group limits the process
          ok      isolation           isolated: 2-3
          ok      timer ticks         stopped while one thread runs: 2-5
          ok      SMT siblings        each of our cores is a whole one, as far as the kernel knows
          ok      NUMA nodes          all our cores are on node0
          ok      governor            performance
          ok      host                no virtual machine, as far as the processor tells
          ok      clock source        tsc
          ok      time-stamp counter  constant_tsc, nonstop_tsc
          ok      steal since boot    0.000 % of the cores' time
          ok      huge pages          given to those who ask for them, as books do
          ok      reserved pages      6 of 8 pages of 2 MiB are free, none is needed
          ok      swap                none
          ok      locked memory       unlimited
          ok      open files          65,536
          ok      real-time priority  up to 50 may be had (chrt -f), none is asked for
          ok      socket buffers      up to 64.0 MiB
          ok      interrupts          devices leave our cores alone, but for one at most
          19 ok, 0 cost something, 0 unknown
    "#]]
    .assert_eq(&told(&machine));
}

#[test]
fn a_bare_machine_is_told_what_to_change() {
    let (_root, machine) = machine(&[0, 2], BARE);
    expect![[r#"
        this machine
          ok      cores               2 of 4 may be used: 0,2
          costs   quota               a control group allows 1.50 cores in each 100 ms
                                      threads that spin use it up, and then stand still until the period is over:
                                      milliseconds
                                      change: run without a CPU limit (in Kubernetes: the static CPU manager and whole
                                      cores)
          costs   isolation           0 of our 2 cores are isolated
                                      the scheduler lets others in on pinned threads: from 2 µs to several ms each
                                      time
                                      change: boot with isolcpus=2 nohz_full=2 rcu_nocbs=2 and start with taskset -c
                                      2, or give the process an isolated cpuset
          costs   timer ticks         the timer ticks on all our cores, and this kernel cannot stop it
                                      100 to 1000 interrupts a second and core, of about 1 to 5 µs each
                                      change: boot a kernel with CONFIG_NO_HZ_FULL with nohz_full= and the cores of
                                      the pinned threads
          costs   SMT siblings        0 and 2 are halves of one core
                                      a thread that spins on one half takes execution units and cache from the other
                                      change: start with taskset -c and one half of each core, or echo off >
                                      /sys/devices/system/cpu/smt/control
          costs   NUMA nodes          our cores are on node0, node1
                                      rings and books in another node's memory are farther away: about 1.5 to 2 times
                                      change: start with numactl --cpunodebind=0 --membind=0
          costs   governor            powersave on 2 cores
                                      a core that was idle runs slower until its clock has risen: up to some 10 ms
                                      change: cpupower frequency-set -g performance
          costs   host                this is a virtual machine
                                      its host takes cores whenever it likes; nothing inside sees it but as time that
                                      is missing
                                      change: a machine of its own, or virtual cores that are pinned to physical ones
          costs   clock source        hpet
                                      a reading of the kernel's clock is slower, a system call of a microsecond at the
                                      worst
                                      change: boot with clocksource=tsc tsc=reliable, if the processor's counter is
                                      constant
          costs   time-stamp counter  the processor does not promise constant_tsc, nonstop_tsc
                                      latencies are read from the kernel's clock, at 20 to 50 ns instead of 10
                                      change: in a virtual machine: let the host pass the processor through (-cpu
                                      host,+invtsc)
          costs   steal since boot    5.000 % of the cores' time
                                      threads stand still while their core belongs to somebody else on the host
                                      change: a host that is not shared, or virtual cores that are pinned to physical
                                      ones
          costs   huge pages          never given
                                      each look at an order of a large book may miss the TLB
                                      change: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled
          unknown reserved pages      /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages holds no number
          costs   swap                there is some, vm.swappiness is 60
                                      a page that was put away takes a disk's time to come back: 0.1 to 10 ms
                                      change: swapoff -a, or MemorySwapMax=0 for the service
          costs   locked memory       8.0 MiB at most
                                      rings and buffers cannot be kept in memory, and kernels before 5.12 refuse
                                      io_uring
                                      change: ulimit -l unlimited, or LimitMEMLOCK=infinity for the service
          costs   open files          1,024 at most
                                      clients are turned away, and files of a large replay are not opened
                                      change: ulimit -n 65536, or LimitNOFILE=65536 for the service
          costs   real-time priority  none may be had
                                      where cores are not isolated, a pinned thread waits its turn like everybody
                                      change: isolate cores; or ulimit -r 50 (LimitRTPRIO=50) and chrt -f 10, on cores
                                      of one's own
          costs   socket buffers      up to 208.0 KiB, and a feed asks for 16.0 MiB
                                      without CAP_NET_ADMIN a burst that is larger than the buffer loses packets
                                      change: sysctl -w net.core.rmem_max=16777216
          costs   interrupts          devices may interrupt 0,2
                                      an interrupt and what follows it takes 1 to 50 µs from a pinned thread
                                      change: boot with irqaffinity=0, stop irqbalance, or write 0 to
                                      /proc/irq/*/smp_affinity_list
          1 ok, 17 cost something, 1 unknown
    "#]].assert_eq(&told(&machine));
}

#[test]
fn an_empty_machine_is_unknown_and_no_failure() {
    let (_root, machine) = machine(&[0, 1], &[]);
    let known = machine.read_all().into_iter().filter(|of| of.verdict != Verdict::Unknown);
    // They were not read from a file.
    assert_eq!(known.map(|of| of.about).collect::<Vec<_>>(), ["cores"]);
    expect![[r#"
        this machine
          ok      cores               2 may be used: 0-1
          unknown quota               no control group tells a limit (cpu.max)
          unknown isolation           /sys/devices/system/cpu/isolated is not there
          unknown timer ticks         /sys/devices/system/cpu/nohz_full is not there
          unknown SMT siblings        /sys/devices/system/cpu/cpu0/topology/thread_siblings_list is not there
          unknown NUMA nodes          /sys/devices/system/node names no node of ours
          unknown governor            /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor is not there
          unknown host                /proc/cpuinfo is not there
          unknown clock source        /sys/devices/system/clocksource/clocksource0/current_clocksource is not there
          unknown time-stamp counter  /proc/cpuinfo is not there
          unknown steal since boot    /proc/stat is not there
          unknown huge pages          /sys/kernel/mm/transparent_hugepage/enabled is not there
          unknown reserved pages      /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages is not there
          unknown swap                /proc/swaps is not there
          unknown locked memory       /proc/self/limits is not there
          unknown open files          /proc/self/limits is not there
          unknown real-time priority  /proc/self/limits is not there
          unknown socket buffers      /proc/sys/net/core/rmem_max is not there
          unknown interrupts          /proc/irq/default_smp_affinity is not there
          1 ok, 0 cost something, 18 unknown
    "#]].assert_eq(&told(&machine));
}

#[test]
fn files_full_of_nonsense_are_no_failure() {
    for nonsense in ["", "\u{0}\u{1b}[2J", "-1", "99999999999999999999", "0-99999999999", ",,-,"] {
        let files: Vec<_> =
            PREPARED.iter().chain(BARE).map(|(path, _)| (*path, nonsense)).collect();
        let (_root, machine) = machine(&[0, 1, 2, 3], &files);
        assert!(!told(&machine).contains('\u{1b}'), "{nonsense:?} reaches the terminal");
    }
}

#[track_caller]
fn check(found: &Found, expected: &Expect) {
    let Found { verdict, is, change, .. } = found;
    expected.assert_eq(&format!("{verdict:?}: {is}\n{}\n", change.as_deref().unwrap_or_default()));
}

#[test]
fn a_kernel_without_io_uring_says_why() {
    let denied = || Err(io::ErrorKind::PermissionDenied.into());
    let (_root, open) = machine(&[], &[]);
    check(
        &network::io_uring(&open, &Ok(())),
        &expect![[r#"
        Ok: live feeds are read through it

    "#]],
    );
    check(
        &network::io_uring(&open, &denied()),
        &expect![[r#"
        Costs: refused: permission denied; a seccomp profile may forbid it, or the kernel is older than 6.1
        sysctl -w kernel.io_uring_disabled=0, or a container profile that allows io_uring
    "#]],
    );
    let (_root, shut) = machine(&[], &[("/proc/sys/kernel/io_uring_disabled", "2\n")]);
    check(
        &network::io_uring(&shut, &denied()),
        &expect![[r#"
        Costs: refused: permission denied; the kernel forbids it (kernel.io_uring_disabled is 2)
        sysctl -w kernel.io_uring_disabled=0, or a container profile that allows io_uring
    "#]],
    );
}

#[test]
fn each_card_is_asked_what_it_stamps() {
    use feeds::transport::udp::CardStamps;
    let cards = ["a0", "b0", "c0", "d0"].map(|card| format!("/sys/class/net/{card}/device/vendor"));
    let mut files: Vec<_> = cards.iter().map(|path| (path.as_str(), "0x15b3\n")).collect();
    files.push(("/sys/class/net/lo/mtu", "65536\n"));
    let (_root, machine) = machine(&[], &files);
    let ask = |card: &str| {
        let stamps = |hardware, kernel| CardStamps { hardware, kernel, clock: Some(1) };
        match card {
            "a0" => Ok(stamps(true, true)),
            "b0" => Ok(stamps(false, true)),
            "c0" => Ok(stamps(false, false)),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    };
    let told = network::stamping(&machine, ask);
    for (found, expected) in
        told.iter().zip([expect![[r#"
            Ok: a0 stamps every packet by its clock /dev/ptp1; hwstamp_ctl -i a0 -r 1 and stamps = "hardware" in the feed make use of it

        "#]], expect![[r#"
            Costs: b0: by the kernel, not by the card
            a card that stamps all packets it receives (ethtool -T tells)
        "#]], expect![[r#"
            Costs: c0: by nobody
            a driver with receive stamps (ethtool -T tells)
        "#]], expect![[r#"
            Unknown: d0: the driver does not tell: unsupported

        "#]]])
    {
        check(found, &expected);
    }
    assert_eq!(told.len(), 4, "the loopback is no card");
}

#[test]
fn lists_are_read_and_written() {
    for (text, cores) in
        [("0-3,8", vec![0, 1, 2, 3, 8]), ("5", vec![5]), ("", vec![]), ("1,3", vec![1, 3])]
    {
        assert_eq!(listed(text), cores);
        assert_eq!(spans(&cores), text);
    }
    assert_eq!(listed("x,2-1,7-,4"), [4]);
}
