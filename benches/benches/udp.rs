//! What does it take to receive?
//!
//! MoldUDP64 packets of one ITCH message each, multicast over loopback. *Drained*: all packets lie in
//! the socket's buffer before the clock starts, so that no sender takes part; ours decodes them into
//! events besides. *Sustained*: a sender on another core keeps a rate, in bursts that the kernel cuts
//! into packets, and all packets must arrive. *Wire to event*: from the kernel's stamp to the moment
//! that the feed takes the packet, at 100,000 packets a second; the peer does nothing but receive. *Wire
//! to finding*: at the same rate, from the kernel's stamp to the moment that whatever was found because of
//! the packet has left the engine: each packet is an order that enters at the touch or leaves it, so each
//! changes the book, moves both signals of `microprice` and is looked at by P06. All stages share one core.

#![forbid(unsafe_code)]

use benches::{Contest, Cores, Nowhere, Options, Overwritten, Target, tell};
use engine_assembly::{Assembly, Spec};
use engine_event::{Clock, Directory, Nanos, RealClock, WallClock};
use engine_observer::Roster;
use engine_pipeline::{
    Feed, FeedTurn, Latency, Percentiles, Plan, Role, ThreadPlan, Topology, Wait,
};
use feeds::codec::Itch50;
use feeds::codec::framing::moldudp64::{Builder, PACKET_BYTES_MAX};
use feeds::transport::udp::{Receive, Received};
use feeds::{Listen, transport::Udp};
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns, UdpGsoSegment};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use quanta::Instant;
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;
use strategies::Microprice;
use surveillance::QuoteStuffing;

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Room for all packets of a round, each with what the kernel keeps beside it.
const BUFFER_BYTES: usize = 512 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

fn main() {
    let options = Options::from_args();
    let cores = Cores::pair_or_exit();
    if !may_have_a_large_buffer() {
        println!("not run: a large receive buffer needs CAP_NET_ADMIN");
        return;
    }
    let rounds = options.choose(9, 1);
    let packets = options.choose(300_000, 5_000);
    let drained = Contest::new("drained, M packets/s")
        .peer("recv, payloads only", || drain_bare(packets))
        .ours("io_uring", || drain(packets, Receive::Auto))
        .ours("recvmmsg", || drain(packets, Receive::Batches))
        .play(rounds)
        .target("io_uring", Target::at_least(1.0, &[]));
    let million = options.choose(1_000_000, 20_000);
    let sustained = Contest::with_columns("sustained", &["M packets/s arrived", "lost %"])
        .ours("io_uring, sent 1.0 M/s", || sustain(cores, million, 1.0e6, Receive::Auto))
        .ours("recvmmsg, sent 1.0 M/s", || sustain(cores, million, 1.0e6, Receive::Batches))
        .play(rounds);
    let paced = options.choose(100_000, 5_000);
    let wire = Contest::with_columns("wire to event, µs", &["p50", "p99"])
        .peer("recvmsg", || wire_bare(cores, paced))
        .ours("io_uring", || wire(cores, paced, Receive::Auto))
        .ours("recvmmsg", || wire(cores, paced, Receive::Batches))
        .play(rounds);
    let found = Contest::with_columns("wire to finding, µs", &["p50", "p99"])
        .peer("recvmsg, which finds nothing", || wire_bare(cores, paced))
        .ours("io_uring, books, microprice, P06", || wire_to_finding(cores, paced, Receive::Auto))
        .ours("recvmmsg, books, microprice, P06", || {
            wire_to_finding(cores, paced, Receive::Batches)
        })
        .play(rounds);
    tell(options, "udp", "as the group says", &[drained, sustained, wire, found]);
}

fn may_have_a_large_buffer() -> bool {
    let socket = UdpSocket::bind((LOOPBACK, 0)).expect("loopback");
    setsockopt(&socket, RcvBufForce, &BUFFER_BYTES).is_ok()
}

/// A group that nobody else has: the port was free.
fn group() -> SocketAddr {
    let free = UdpSocket::bind((LOOPBACK, 0)).and_then(|socket| socket.local_addr());
    SocketAddr::new(Ipv4Addr::new(239, 255, 90, 1).into(), free.expect("loopback").port())
}

/// Messages, each in a packet of its own, and the end of the session.
struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
    builder: Builder,
}

/// 20 of the packet, 2 of the length, 19 of the message.
const PACKET_BYTES: i32 = 41;

impl Sender {
    fn new(to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).expect("loopback");
        Self { socket, to, builder: Builder::new(*b"BENCHMARK1", 1, PACKET_BYTES_MAX) }
    }

    fn packet(&mut self) -> Vec<u8> {
        let mut message = [0; 19];
        message[0] = b'D';
        message[1..3].copy_from_slice(&1_u16.to_be_bytes());
        message[11..19].copy_from_slice(&self.builder.sequence().to_be_bytes());
        self.builder.push(&message);
        self.builder.take()
    }

    fn send(&mut self) {
        let packet = self.packet();
        self.socket.send_to(&packet, self.to).expect("loopback takes it");
    }

    /// The next of: an offer that stays, then a bid that enters, leaves, enters, leaves, …
    fn send_order(&mut self) {
        let number = self.builder.sequence();
        let (is_offer, leaves) = (number == 1, number > 1 && !number.is_multiple_of(2));
        let mut message = [0; 36];
        message[0] = if leaves { b'D' } else { b'A' };
        message[1..3].copy_from_slice(&1_u16.to_be_bytes());
        message[5..11].copy_from_slice(&(number * 10_000).to_be_bytes()[2..]);
        message[11..19].copy_from_slice(&(number - u64::from(leaves)).to_be_bytes());
        message[19] = if is_offer { b'S' } else { b'B' };
        message[20..24].copy_from_slice(&(100 + number as u32 % 1000).to_be_bytes());
        message[24..32].copy_from_slice(b"STOCK   ");
        message[32..36]
            .copy_from_slice(&(if is_offer { 10_200_u32 } else { 10_000 }).to_be_bytes());
        self.builder.push(&message[..if leaves { 19 } else { 36 }]);
        let packet = self.builder.take();
        self.socket.send_to(&packet, self.to).expect("loopback takes it");
    }

    /// Several packets with one call.
    fn burst(&mut self, count: u64) {
        let packets: Vec<u8> = (0..count).flat_map(|_| self.packet()).collect();
        self.socket.send_to(&packets, self.to).expect("loopback takes it");
    }

    fn send_at(&mut self, count: u64, rate: f64, send: fn(&mut Self)) {
        let start = Instant::now();
        for sent in 0..count {
            while start.elapsed().as_secs_f64() * rate < sent as f64 {
                std::hint::spin_loop();
            }
            send(self);
        }
    }

    fn end(&mut self) {
        for _ in 0..3 {
            let end = self.builder.end_of_session();
            self.socket.send_to(&end, self.to).expect("loopback takes it");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn open(group: SocketAddr, receive: Receive) -> Udp<Itch50> {
    let listen = Listen {
        interface: LOOPBACK,
        receive,
        buffer_bytes: BUFFER_BYTES,
        until_end: true,
        ..Listen::to(vec![group])
    };
    Udp::open(&listen, &feeds::Options::default()).expect("loopback")
}

fn run(feed: &mut Udp<Itch50>) -> Received {
    let (mut names, mut sink) = (Directory::new(1000), Overwritten::default());
    let start = Instant::now();
    while feed.poll(Nanos(0), &mut names, &mut sink).expect("packets are valid") != FeedTurn::Ended
    {
        assert!(start.elapsed() < PATIENCE, "{:?}", feed.received());
    }
    feed.received()
}

fn drain(packets: u64, receive: Receive) -> Vec<f64> {
    let group = group();
    let mut feed = open(group, receive);
    let mut sender = Sender::new(group);
    (0..packets).for_each(|_| sender.send());
    sender.end();
    let start = Instant::now();
    let received = run(&mut feed);
    let took = start.elapsed();
    assert_eq!((received.lines.delivered, received.dropped), (packets, 0));
    vec![packets as f64 / took.as_secs_f64() / 1e6]
}

fn bare(group: SocketAddr) -> UdpSocket {
    let SocketAddr::V4(group) = group else { unreachable!("a group of IPv4") };
    let socket = UdpSocket::bind(group).expect("a free port");
    socket.join_multicast_v4(group.ip(), &LOOPBACK).expect("loopback");
    setsockopt(&socket, RcvBufForce, &BUFFER_BYTES).expect("it was tried before");
    setsockopt(&socket, ReceiveTimestampns, &true).expect("every kernel can");
    socket
}

fn drain_bare(packets: u64) -> Vec<f64> {
    let group = group();
    let socket = bare(group);
    let mut sender = Sender::new(group);
    (0..packets).for_each(|_| sender.send());
    let mut bytes = [0; 2048];
    let start = Instant::now();
    for _ in 0..packets {
        socket.recv(&mut bytes).expect("it lies there");
    }
    vec![packets as f64 / start.elapsed().as_secs_f64() / 1e6]
}

fn sustain(cores: Cores, packets: u64, rate: f64, receive: Receive) -> Vec<f64> {
    const BURST: u64 = 32;
    let group = group();
    let mut feed = open(group, receive);
    let duel = cores.duel(
        || {
            let mut sender = Sender::new(group);
            setsockopt(&sender.socket, UdpGsoSegment, &PACKET_BYTES).expect("since Linux 4.18");
            let start = Instant::now();
            for sent in (0..packets).step_by(BURST as usize) {
                while start.elapsed().as_secs_f64() * rate < sent as f64 {
                    std::hint::spin_loop();
                }
                sender.burst(BURST);
            }
            let took = start.elapsed();
            setsockopt(&sender.socket, UdpGsoSegment, &0).expect("it was set before");
            sender.end();
            took
        },
        || run(&mut feed),
    );
    let sent = packets.div_ceil(BURST) * BURST;
    let arrived = duel.target.lines.delivered as f64;
    let lost = (sent as f64 - arrived) / sent as f64 * 100.0;
    vec![arrived / duel.source.as_secs_f64() / 1e6, lost]
}

fn wire(cores: Cores, packets: u64, receive: Receive) -> Vec<f64> {
    let group = group();
    let mut feed = open(group, receive);
    let duel = cores.duel(|| send_paced(group, packets, Sender::send), || run(&mut feed));
    micros(duel.target.wire.expect("packets are stamped"))
}

fn send_paced(group: SocketAddr, packets: u64, send: fn(&mut Sender)) {
    let mut sender = Sender::new(group);
    sender.send_at(packets, 100_000.0, send);
    sender.end();
}

fn wire_to_finding(cores: Cores, packets: u64, receive: Receive) -> Vec<f64> {
    let group = group();
    let spec = Spec { sample_every: Udp::<Itch50>::WIRE_SAMPLED, ..Spec::default() };
    let roster = Roster::new().with(Microprice::default()).with(QuoteStuffing::default());
    let feed = open(group, receive);
    let thread = ThreadPlan { core: None, wait: Wait::Spin, stages: vec![0, 1, 2] };
    let roles = vec![Role::Source, Role::Shard, Role::Collector];
    let (topology, threads, reason) = (Topology::Fused, vec![thread], "a bench".to_string());
    let plan = Plan { topology, threads, roles, reason };
    let pipeline = move || {
        let names = Directory::new(1000);
        let mut assembly = Assembly::new(feed, names, &roster, Box::new(Nowhere), spec);
        assembly.run(&plan).expect("no stage fails");
        let delivered = assembly.source().feed().received().lines.delivered;
        assert_eq!(delivered, packets, "packets were lost");
        let outcome = assembly.outcome();
        let signals = outcome.signals.values().sum::<u64>();
        assert!(signals > packets / 2, "every other packet moves both signals: {signals}");
        let stages = assembly.latency();
        stages.get("end_to_end").expect("it is always measured").percentiles()
    };
    micros(cores.duel(|| send_paced(group, packets, Sender::send_order), pipeline).target)
}

fn wire_bare(cores: Cores, packets: u64) -> Vec<f64> {
    let group = group();
    let socket = bare(group);
    let receive = || {
        let (mut latency, mut bytes) = (Latency::new(), [0; 2048]);
        let mut control = nix::cmsg_space!(TimeSpec);
        let clock = RealClock::new();
        let started = clock.now();
        let mut count = 0_u64;
        while count < packets {
            assert!(clock.now().since(started) < Nanos::from_secs(20), "packets were lost");
            let mut slices = [IoSliceMut::new(&mut bytes)];
            let fd = socket.as_raw_fd();
            let received =
                recvmsg::<()>(fd, &mut slices, Some(&mut control), MsgFlags::MSG_DONTWAIT);
            let Ok(received) = received else { continue };
            count += 1;
            if !count.is_multiple_of(Udp::<Itch50>::WIRE_SAMPLED) {
                continue;
            }
            let stamp = received.cmsgs().into_iter().flatten().find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(at) => Some(at),
                _ => None,
            });
            let stamp = stamp.expect("packets are stamped");
            let at = Nanos((stamp.tv_sec() * 1_000_000_000 + stamp.tv_nsec()) as u64);
            latency.record(WallClock.now().since(at));
        }
        latency.percentiles()
    };
    let duel = cores.duel(|| send_paced(group, packets, Sender::send), receive);
    micros(duel.target)
}

fn micros(of: Percentiles) -> Vec<f64> {
    vec![of.p50 as f64 / 1000.0, of.p99 as f64 / 1000.0]
}
