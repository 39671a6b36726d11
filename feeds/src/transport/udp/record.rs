//! Writing down what was received, on a thread of its own: a slow disk never holds the feed up.
//!
//! The feed copies each packet into a ring of bytes; the thread turns them into pcapng. When the ring is
//! full the packet is left out and counted, so a replay of the file tells it as missing. What the disk
//! refuses ends the recording, not the run: it is told at the end.

use super::Came;
use crate::codec::capture::Writer;
use engine_event::Nanos;
use rtrb::{Consumer, Producer, RingBuffer};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// How much may wait to be written: half a second of a million packets of 128 bytes.
const RING_BYTES: usize = 64 << 20;
/// How long the thread sleeps when nothing is there.
const NAP: Duration = Duration::from_micros(500);

/// What stands before a packet in the ring.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Head {
    at: u64,
    source: [u8; 16],
    source_port: u16,
    target: u16,
    length: u32,
}

/// The target of what is no packet: a decision of the clock.
const CLOCK: u16 = u16::MAX;

/// A recording under way.
#[derive(Debug)]
pub(super) struct Recording {
    path: PathBuf,
    ring: Option<Producer<u8>>,
    thread: Option<JoinHandle<io::Result<u64>>>,
    left_out: u64,
}

/// What a recording came to.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// Packets in it.
    pub packets: u64,
    /// Packets that are not in it, because the disk did not keep up.
    pub left_out: u64,
    /// Why it ended before the run did.
    pub failure: Option<String>,
}

impl Recording {
    /// Begins a recording of what is sent to `targets`; the file says `note` about itself.
    pub(super) fn begin(path: &Path, targets: Vec<SocketAddr>, note: &str) -> io::Result<Self> {
        let file = File::create(path)?;
        let mut writer = Writer::with_note(BufWriter::with_capacity(1 << 20, file), note)?;
        writer.flush()?;
        let (ring, received) = RingBuffer::new(RING_BYTES);
        let write = move || write_down(received, writer, &targets);
        let thread = thread::Builder::new().name("recorder".to_owned()).spawn(write)?;
        let path = path.to_path_buf();
        Ok(Self { path, ring: Some(ring), thread: Some(thread), left_out: 0 })
    }

    /// Nothing came, and by the clock something was declared lost.
    pub(super) fn clock(&mut self, at: Nanos) {
        self.put(&Head { at: at.0, target: CLOCK, ..Head::new_zeroed() }, &[]);
    }

    /// A packet came.
    pub(super) fn take(&mut self, at: Nanos, came: &Came, payload: &[u8]) {
        let source = came.source.unwrap_or(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0));
        let head = Head {
            at: at.0,
            source: match source.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            },
            source_port: source.port(),
            target: came.socket as u16,
            length: payload.len() as u32,
        };
        self.put(&head, payload);
    }

    fn put(&mut self, head: &Head, payload: &[u8]) {
        let Some(ring) = &mut self.ring else { return };
        let fits = ring.slots() >= size_of::<Head>() + payload.len() && !ring.is_abandoned();
        // All or nothing: the reader takes a head for a promise.
        if !fits || ring.write_all(head.as_bytes()).and_then(|()| ring.write_all(payload)).is_err()
        {
            self.left_out += 1;
        }
    }

    /// Waits until everything is written.
    pub(super) fn end(&mut self) -> Recorded {
        drop(self.ring.take());
        let wrote = match self.thread.take().map(JoinHandle::join) {
            None => Ok(0),
            Some(Ok(wrote)) => wrote,
            Some(Err(_)) => Err(io::Error::other("the recorder broke down")),
        };
        Recorded {
            path: self.path.clone(),
            left_out: self.left_out,
            packets: *wrote.as_ref().unwrap_or(&0),
            failure: wrote.err().map(|error| error.to_string()),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread: until the feed lets go of the ring, and what is in it is written.
fn write_down(
    mut ring: Consumer<u8>,
    mut writer: Writer<BufWriter<File>>,
    targets: &[SocketAddr],
) -> io::Result<u64> {
    let (mut packets, mut payload, mut is_flushed) = (0, Vec::new(), true);
    loop {
        // Asked before the ring is looked at: nothing comes after that.
        let is_over = ring.is_abandoned();
        if ring.slots() < size_of::<Head>() {
            if is_over {
                return writer.into_inner().map(|_| packets);
            }
            if !is_flushed {
                writer.flush()?;
                is_flushed = true;
            }
            thread::sleep(NAP);
            continue;
        }
        let mut head = Head::new_zeroed();
        ring.read_exact(head.as_mut_bytes())?;
        while ring.slots() < head.length as usize && !ring.is_abandoned() {
            thread::yield_now();
        }
        payload.resize(head.length as usize, 0);
        ring.read_exact(&mut payload)?;
        if head.target == CLOCK {
            writer.clock(Nanos(head.at))?;
            is_flushed = false;
            continue;
        }
        let target = targets[usize::from(head.target)];
        let source = SocketAddr::new(source_of(head.source, target), head.source_port);
        writer.datagram(Nanos(head.at), source, target, &payload)?;
        (packets, is_flushed) = (packets + 1, false);
    }
}

/// The source's address, of the same kind as the target's.
fn source_of(octets: [u8; 16], target: SocketAddr) -> IpAddr {
    let source = Ipv6Addr::from(octets);
    match (target.ip(), source.to_ipv4()) {
        (IpAddr::V4(_), Some(source)) => source.into(),
        (IpAddr::V4(_), None) => IpAddr::from([0, 0, 0, 0]),
        (IpAddr::V6(_), _) => source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sockets::Beside;
    use super::*;
    use crate::codec::capture::testing::packets;
    use std::os::fd::AsRawFd;

    #[test]
    fn what_came_is_in_the_file_when_the_recording_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcapng");
        let target: SocketAddr = "239.1.2.3:4000".parse().unwrap();
        let mut recording = Recording::begin(&path, vec![target], "").unwrap();
        let source = Some("10.0.0.9:77".parse().unwrap());
        for number in 0..1000u64 {
            let payload = vec![number as u8; number as usize % 100];
            let length = payload.len();
            let beside = Beside::default();
            let came = Came { socket: 0, length, is_cut: false, beside, source };
            recording.take(Nanos(number), &came, &payload);
        }
        let recorded = recording.end();
        assert_eq!((recorded.packets, recorded.left_out, recorded.failure), (1000, 0, None));
        let bytes = std::fs::read(&path).unwrap();
        let packets = packets(&bytes);
        assert_eq!(packets.len(), 1000);
        assert_eq!((packets[999].at, packets[999].bytes.len()), (Nanos(999), 14 + 20 + 8 + 99));
    }

    #[test]
    fn what_cannot_be_written_is_told_at_the_end() {
        assert!(Recording::begin(Path::new("/dev/full"), Vec::new(), "").is_err());
        // A pipe whose reader goes away later.
        let (reader, writer) = io::pipe().unwrap();
        let path = PathBuf::from(format!("/proc/self/fd/{}", writer.as_raw_fd()));
        let target: SocketAddr = "239.1.2.3:4000".parse().unwrap();
        let mut recording = Recording::begin(&path, vec![target], "").unwrap();
        drop((reader, writer));
        let beside = Beside::default();
        let came = Came { socket: 0, length: 5, is_cut: false, beside, source: None };
        recording.take(Nanos(1), &came, b"hello");
        let recorded = recording.end();
        assert!(recorded.failure.is_some_and(|told| told.contains("Broken pipe")));
    }
}
