//! Receiving: buffers, interrupts, and who stamps packets.

use super::{Found, Machine, listed, spans};
use crate::output::Bytes;
use feeds::Listen;
use feeds::transport::udp::CardStamps;
use std::io;

/// Whether live feeds get the buffers that they ask for.
pub(super) fn socket_buffers(machine: &Machine) -> Found {
    const ABOUT: &str = "socket buffers";
    let wanted = Listen::to(Vec::new()).buffer_bytes as u64;
    match machine.number("/proc/sys/net/core/rmem_max") {
        Err(why) => Found::unknown(ABOUT, why),
        Ok(most) if most >= wanted => Found::ok(ABOUT, format!("up to {}", Bytes(most))),
        Ok(most) => Found::costs(
            ABOUT,
            format!("up to {}, and a feed asks for {}", Bytes(most), Bytes(wanted)),
            "without CAP_NET_ADMIN a burst that is larger than the buffer loses packets",
            format!("sysctl -w net.core.rmem_max={wanted}"),
        ),
    }
}

/// Whether devices interrupt our cores.
pub(super) fn interrupts(machine: &Machine) -> Found {
    const ABOUT: &str = "interrupts";
    const PATH: &str = "/proc/irq/default_smp_affinity";
    let mask = match machine.read(PATH) {
        Err(why) => return Found::unknown(ABOUT, why),
        Ok(mask) => mask,
    };
    let Some(cores) = unmasked(&mask) else {
        return Found::unknown(ABOUT, format!("{PATH} holds no mask: {mask}"));
    };
    let lists = machine.names("/proc/irq").into_iter();
    let cores = lists
        .filter_map(|irq| machine.read(&format!("/proc/irq/{irq}/effective_affinity_list")).ok())
        .fold(cores, |mut cores, list| {
            cores.extend(listed(&list));
            cores
        });
    let ours: Vec<_> =
        machine.allowed.iter().copied().filter(|core| cores.contains(core)).collect();
    match ours.len() {
        // The first one is left to the kernel and the feed.
        0 | 1 => Found::ok(ABOUT, "devices leave our cores alone, but for one at most"),
        _ => Found::costs(
            ABOUT,
            format!("devices may interrupt {}", spans(&ours)),
            "an interrupt and what follows it takes 1 to 50 µs from a pinned thread",
            "boot with irqaffinity=0, stop irqbalance, or write 0 to /proc/irq/*/smp_affinity_list",
        ),
    }
}

/// `ff,00000003` as core numbers: words of 32 bits in hexadecimal, the last one first.
fn unmasked(mask: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for (word, text) in mask.rsplit(',').enumerate() {
        let bits = u32::from_str_radix(text, 16).ok()?;
        cores.extend((0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| word * 32 + bit));
    }
    Some(cores)
}

/// Whether live feeds are read through an io_uring. `tried` is what came of trying.
pub(super) fn io_uring(machine: &Machine, tried: &io::Result<()>) -> Found {
    const ABOUT: &str = "io_uring";
    let error = match tried {
        Ok(()) => return Found::ok(ABOUT, "live feeds are read through it"),
        Err(error) => error,
    };
    let disabled = machine.number("/proc/sys/kernel/io_uring_disabled");
    let why = match disabled {
        Ok(1) => "the kernel keeps it for some (kernel.io_uring_disabled is 1)",
        Ok(2) => "the kernel forbids it (kernel.io_uring_disabled is 2)",
        _ => "a seccomp profile may forbid it, or the kernel is older than 6.1",
    };
    Found::costs(
        ABOUT,
        format!("refused: {error}; {why}"),
        "live feeds are read through recvmmsg, at about three quarters of the rate",
        "sysctl -w kernel.io_uring_disabled=0, or a container profile that allows io_uring",
    )
}

/// Who can stamp what each network card receives, as `ask` tells.
pub(super) fn stamping(
    machine: &Machine,
    ask: impl Fn(&str) -> io::Result<CardStamps>,
) -> Vec<Found> {
    const ABOUT: &str = "packet stamps";
    const CARDS: &str = "/sys/class/net";
    // Only cards have a device; bridges, tunnels and the loopback have none.
    let cards = machine.names(CARDS).into_iter().filter(|card| {
        machine.root.join(CARDS.trim_start_matches('/')).join(card).join("device").exists()
    });
    let cards: Vec<_> = cards.take(16).collect();
    if cards.is_empty() {
        return vec![Found::unknown(ABOUT, format!("{CARDS} names no network card"))];
    }
    let told = cards.iter().map(|card| match ask(card) {
        Err(error) => Found::unknown(ABOUT, format!("{card}: the driver does not tell: {error}")),
        Ok(CardStamps { hardware: true, clock, .. }) => {
            let clock = clock.map(|clock| format!(" by its clock /dev/ptp{clock}"));
            Found::ok(
                ABOUT,
                format!(
                    "{card} stamps every packet{}; hwstamp_ctl -i {card} -r 1 and stamps = \"hardware\" \
                     in the feed make use of it",
                    clock.unwrap_or_default()
                ),
            )
        }
        Ok(CardStamps { kernel: true, .. }) => Found::costs(
            ABOUT,
            format!("{card}: by the kernel, not by the card"),
            "what a packet waits before the kernel looks at it (interrupt, driver: 1 to 50 µs) is not \
             in the latencies",
            "a card that stamps all packets it receives (ethtool -T tells)",
        ),
        Ok(_) => Found::costs(
            ABOUT,
            format!("{card}: by nobody"),
            "a packet's latency begins when it is fetched, and its wait before that is not told",
            "a driver with receive stamps (ethtool -T tells)",
        ),
    });
    told.collect()
}
