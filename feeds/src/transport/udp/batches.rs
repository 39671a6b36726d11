//! Receiving through `recvmmsg`: for kernels that do not let us have an io_uring.

#![allow(unsafe_code)] // one promise about a foreign type

use super::Came;
use super::sockets::Beside;
use engine_event::Nanos;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use nix::sys::time::TimeSpec;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// How many packets are fetched with one call.
const BATCH: usize = 64;

/// Sockets that are asked in turn.
pub(super) struct Batches {
    sockets: Vec<UdpSocket>,
    /// The socket that is asked next.
    turn: usize,
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Vec<u8>,
    buffer_bytes: usize,
    came: Vec<Came>,
    at: usize,
}

// SAFETY: `headers` points into boxes of its own, which move with it, and at `buffers` only while
// `fetch` runs; everything else is `Send` by itself.
unsafe impl Send for Batches {}

impl Batches {
    pub(super) fn new(sockets: Vec<UdpSocket>, buffer_bytes: usize) -> Self {
        let control = nix::cmsg_space!([TimeSpec; 3], TimeSpec, u32);
        Self {
            sockets,
            turn: 0,
            headers: MultiHeaders::preallocate(BATCH, Some(control)),
            buffers: vec![0; BATCH * buffer_bytes],
            buffer_bytes,
            came: Vec::with_capacity(BATCH),
            at: 0,
        }
    }

    /// Goes to the next packet, if there is one. Where the kernel had no more than what came last, that is
    /// the end for now, and the next call asks again.
    pub(super) fn next(&mut self) -> io::Result<bool> {
        self.at += 1;
        if self.at < self.came.len() {
            return Ok(true);
        }
        let was_all = !self.came.is_empty() && self.came.len() < BATCH;
        self.came.clear();
        self.at = 0;
        if was_all {
            // It goes on its way before the kernel is asked again, which takes a microsecond.
            return Ok(false);
        }
        for _ in 0..self.sockets.len() {
            let socket = self.turn;
            self.turn = (self.turn + 1) % self.sockets.len();
            self.fetch(socket)?;
            if !self.came.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The packet at hand.
    pub(super) fn current(&self) -> Option<(Came, &[u8])> {
        let came = *self.came.get(self.at)?;
        let from = self.at * self.buffer_bytes;
        Some((came, &self.buffers[from..from + came.length]))
    }

    fn fetch(&mut self, socket: usize) -> io::Result<()> {
        let mut buffers = self.buffers.chunks_exact_mut(self.buffer_bytes);
        let mut slices: [_; BATCH] = std::array::from_fn(|_| {
            [IoSliceMut::new(buffers.next().expect("there are as many as are fetched"))]
        });
        let fd = self.sockets[socket].as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let fetched = match recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(fetched) => fetched,
            // Nobody answers requests there; the next packet is there or is not.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for message in fetched {
            let mut beside = Beside::default();
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::ScmTimestampns(at) => beside.at = nanos(at),
                    ControlMessageOwned::ScmTimestampsns(stamps) => {
                        beside.at = nanos(stamps.hw_raw).or_else(|| nanos(stamps.system));
                    }
                    ControlMessageOwned::RxqOvfl(drops) => beside.drops = Some(drops),
                    _ => {}
                }
            }
            let is_cut = message.flags.contains(MsgFlags::MSG_TRUNC);
            let source = message.address.as_ref().and_then(socket_addr);
            self.came.push(Came { socket, length: message.bytes, is_cut, beside, source });
        }
        Ok(())
    }
}

fn nanos(time: TimeSpec) -> Option<Nanos> {
    let at = u64::try_from(time.tv_sec()).ok()?.checked_mul(1_000_000_000)?;
    let at = at.checked_add(u64::try_from(time.tv_nsec()).ok()?)?;
    (at > 0).then_some(Nanos(at))
}

fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let four = address.as_sockaddr_in().map(|of| SocketAddr::new(of.ip().into(), of.port()));
    four.or_else(|| address.as_sockaddr_in6().map(|of| SocketAddr::new(of.ip().into(), of.port())))
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}
