//! Receiving through an io_uring: the kernel puts packets into buffers that were given to it, and a poll
//! that finds nothing costs no system call.
//!
//! One receive a socket stays armed and completes for each packet (multishot), into a buffer of a common
//! pool (a provided-buffer ring). Work that the kernel puts off until we call it shows in a flag that
//! lies in shared memory, so an idle poll is a few loads.
//!
//! The ring is made where the feed is opened and enabled by the first poll, on the thread that polls it
//! from then on: only that thread may enter it.

#![allow(unsafe_code)] // the kernel writes into memory that it was given

use super::udp::{Beside, Came, address};
use io_uring::types::{BufRingEntry, CancelBuilder, Fd, RecvMsgOut};
use io_uring::{EnterFlags, IoUring, cqueue, opcode};
use memmap2::{MmapMut, MmapRaw};
use std::io;
use std::mem::ManuallyDrop;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

/// How many buffers the kernel has, a power of two: few enough to stay in a core's cache (8,192 of them
/// took a fifth off the throughput). What comes while all are full waits in the socket.
const BUFFERS: u16 = 512;
/// The pool's number.
const POOL: u16 = 1;
/// What stands in a buffer before the payload: lengths, the sender's address, control messages.
const NAME_BYTES: usize = 28;
const CONTROL_BYTES: usize = 128;
const HEAD_BYTES: usize = 16 + NAME_BYTES + CONTROL_BYTES;

/// Sockets whose packets come through a ring.
pub(super) struct Uring {
    ring: ManuallyDrop<IoUring>,
    /// What every receive asks for besides the payload. The kernel reads it when one is armed.
    wanted: Box<libc::msghdr>,
    pool: ManuallyDrop<Pool>,
    sockets: Vec<UdpSocket>,
    armed: Vec<bool>,
    is_enabled: bool,
    current: Option<Current>,
    /// How often a receive ended because all buffers were full.
    starved: u64,
}

// SAFETY: the pointers in `wanted` are null for ever; everything else is `Send` by itself.
unsafe impl Send for Uring {}

#[derive(Clone, Copy)]
struct Current {
    came: Came,
    buffer: u16,
    payload: usize,
}

/// The buffers, and the ring through which they are given to the kernel.
struct Pool {
    entries: MmapRaw,
    buffers: MmapRaw,
    buffer_bytes: usize,
    /// How many were given, ever.
    tail: u16,
}

impl Pool {
    fn new(payload_bytes: usize) -> io::Result<Self> {
        let buffer_bytes = (HEAD_BYTES + payload_bytes).next_multiple_of(64);
        let entries = MmapMut::map_anon(usize::from(BUFFERS) * size_of::<BufRingEntry>())?;
        let buffers = MmapMut::map_anon(usize::from(BUFFERS) * buffer_bytes)?;
        let (entries, buffers) = (MmapRaw::from(entries), MmapRaw::from(buffers));
        Ok(Self { entries, buffers, buffer_bytes, tail: 0 })
    }

    fn address(&self, buffer: u16) -> *mut u8 {
        let offset = usize::from(buffer % BUFFERS) * self.buffer_bytes;
        // SAFETY: the map holds BUFFERS buffers, and the remainder is below that.
        unsafe { self.buffers.as_mut_ptr().add(offset) }
    }

    /// Gives a buffer to the kernel, or gives it back. It is not ours until a completion names it.
    fn give(&mut self, buffer: u16) {
        let place = usize::from(self.tail % BUFFERS);
        let address = self.address(buffer) as u64;
        let entries = self.entries.as_mut_ptr().cast::<BufRingEntry>();
        // SAFETY: the map holds BUFFERS entries, each plain data, and the remainder is below that.
        let entry = unsafe { entries.add(place) };
        // SAFETY: the kernel does not read this entry before the tail has passed it, below; the tail
        // shares the first entry's bytes, which no setter writes.
        let entry = unsafe { &mut *entry };
        entry.set_addr(address);
        entry.set_len(self.buffer_bytes as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the first entry of a ring that lies on a page of its own.
        let tail = unsafe { BufRingEntry::tail(entries) };
        // SAFETY: the tail is two aligned bytes within the map, which only this thread writes, and the
        // kernel reads at once with us: so both do it atomically.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    /// A buffer's first bytes.
    ///
    /// # Safety
    ///
    /// A completion has named the buffer, and it was not given back since.
    unsafe fn bytes(&self, buffer: u16, length: usize) -> &[u8] {
        // SAFETY: within the map, which is zeroed to begin with, and by the caller's promise the kernel
        // does not write it now.
        unsafe { std::slice::from_raw_parts(self.address(buffer), length.min(self.buffer_bytes)) }
    }
}

impl Uring {
    /// A ring for these sockets, with room for payloads of `payload_bytes`; an error where the kernel
    /// does not allow one, or not with all that is needed.
    pub(super) fn new(sockets: Vec<UdpSocket>, payload_bytes: usize) -> Result<Self, Refused> {
        match Self::prepare(payload_bytes) {
            Ok((ring, pool)) => Ok(Self::of(ring, pool, sockets)),
            Err(error) => Err(Refused { error, sockets }),
        }
    }

    fn prepare(payload_bytes: usize) -> io::Result<(IoUring, Pool)> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_r_disabled()
            // As many as there are buffers, and the ends of receives.
            .setup_cqsize(u32::from(BUFFERS) * 2)
            .build(64)?;
        let mut pool = Pool::new(payload_bytes)?;
        let address = pool.entries.as_mut_ptr() as u64;
        // SAFETY: the entries lie on pages of their own, and stay mapped until the ring is gone (see
        // `drop`).
        unsafe { ring.submitter().register_buf_ring_with_flags(address, BUFFERS, POOL, 0) }?;
        (0..BUFFERS).for_each(|buffer| pool.give(buffer));
        Ok((ring, pool))
    }

    fn of(ring: IoUring, pool: Pool, sockets: Vec<UdpSocket>) -> Self {
        // SAFETY: a header of nothing: null pointers and lengths of zero.
        let mut wanted: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        wanted.msg_namelen = NAME_BYTES as u32;
        wanted.msg_controllen = CONTROL_BYTES as _;
        Self {
            ring: ManuallyDrop::new(ring),
            wanted,
            pool: ManuallyDrop::new(pool),
            armed: vec![false; sockets.len()],
            sockets,
            is_enabled: false,
            current: None,
            starved: 0,
        }
    }

    /// How often all buffers were full.
    pub(super) fn starved(&self) -> u64 {
        self.starved
    }

    /// Gives the packet at hand back and goes to the next one, if there is one.
    pub(super) fn next(&mut self) -> io::Result<bool> {
        if let Some(current) = self.current.take() {
            self.pool.give(current.buffer);
        }
        let mut has_entered = false;
        loop {
            let entry = self.ring.completion().next();
            match entry {
                Some(entry) => {
                    if self.complete(&entry)? {
                        return Ok(true);
                    }
                }
                None if has_entered || !self.has_work() => return Ok(false),
                None => {
                    self.enter()?;
                    has_entered = true;
                }
            }
        }
    }

    /// The packet at hand.
    pub(super) fn current(&self) -> Option<(Came, &[u8])> {
        let Current { came, buffer, payload } = self.current?;
        // SAFETY: `complete` took the buffer from a completion, and `next` gives it back only when it
        // is no longer the one at hand, which ends this borrow.
        let bytes = unsafe { self.pool.bytes(buffer, payload + came.length) };
        Some((came, &bytes[payload..]))
    }

    /// Whether the kernel waits for us to call it.
    fn has_work(&mut self) -> bool {
        if self.armed.contains(&false) {
            return true;
        }
        let submissions = self.ring.submission();
        submissions.taskrun() || submissions.cq_overflow()
    }

    /// Arms what is not armed, and lets the kernel do what it has put off.
    #[cold]
    fn arm(&mut self) -> io::Result<u32> {
        if !self.is_enabled {
            self.ring.submitter().register_enable_rings()?;
            self.is_enabled = true;
        }
        let mut count = 0;
        for socket in (0..self.sockets.len()).filter(|socket| !self.armed[*socket]) {
            let fd = Fd(self.sockets[socket].as_raw_fd());
            let wanted: *const libc::msghdr = &raw const *self.wanted;
            let receive = opcode::RecvMsgMulti::new(fd, wanted, POOL).build();
            // SAFETY: the header stays where it is as long as the ring; the socket is ours, and open.
            if unsafe { self.ring.submission().push(&receive.user_data(socket as u64)) }.is_err() {
                break; // The rest follows with the next call.
            }
            count += 1;
        }
        let unarmed = self.armed.iter_mut().filter(|armed| !**armed);
        unarmed.take(count).for_each(|armed| *armed = true);
        Ok(count as u32)
    }

    fn enter(&mut self) -> io::Result<()> {
        let to_submit = if self.armed.contains(&false) { self.arm()? } else { 0 };
        let flags = EnterFlags::GETEVENTS.bits();
        // SAFETY: no argument is handed over; what is submitted was checked when it was pushed.
        let entered =
            unsafe { self.ring.submitter().enter::<libc::sigset_t>(to_submit, 0, flags, None) };
        match entered {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            // Completions must be taken first.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Looks at a completion; whether a packet is at hand now.
    fn complete(&mut self, entry: &cqueue::Entry) -> io::Result<bool> {
        let socket = entry.user_data() as usize;
        if !cqueue::more(entry.flags()) {
            self.armed[socket] = false;
        }
        let Some(buffer) = cqueue::buffer_select(entry.flags()) else {
            return match entry.result() {
                0.. => Ok(false),
                error if -error == libc::ENOBUFS => {
                    self.starved += 1;
                    Ok(false)
                }
                // Nobody answers requests there, or the receive is to be armed again.
                error if matches!(-error, libc::ECONNREFUSED | libc::EINTR | libc::EAGAIN) => {
                    Ok(false)
                }
                error => Err(io::Error::from_raw_os_error(-error)),
            };
        };
        let length = usize::try_from(entry.result()).unwrap_or(0);
        // SAFETY: this completion names the buffer; it is given back below, or by `next`.
        let bytes = unsafe { self.pool.bytes(buffer, length) };
        let Ok(out) = RecvMsgOut::parse(bytes, &self.wanted) else {
            self.pool.give(buffer);
            return Ok(false);
        };
        let payload = out.payload_data();
        let came = Came {
            socket,
            length: payload.len(),
            is_cut: out.is_payload_truncated(),
            beside: Beside::parse(out.control_data()),
            source: address(out.name_data()),
        };
        let payload = payload.as_ptr() as usize - bytes.as_ptr() as usize;
        self.current = Some(Current { came, buffer, payload });
        Ok(true)
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        let all = CancelBuilder::any();
        let is_idle = !self.is_enabled
            || match self.ring.submitter().register_sync_cancel(None, all) {
                Ok(()) => true,
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
        // SAFETY: dropped here and nowhere else, and not used after.
        unsafe { ManuallyDrop::drop(&mut self.ring) };
        // Another thread than the one that received may not cancel; then a receive may still write
        // into a buffer for a moment after the ring is closed, and the pool is left where it is.
        if is_idle {
            // SAFETY: dropped here and nowhere else; the ring is gone, and no receive was left.
            unsafe { ManuallyDrop::drop(&mut self.pool) };
        }
    }
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

/// Why there is no ring, and the sockets that were meant for it.
pub(super) struct Refused {
    pub(super) error: io::Error,
    pub(super) sockets: Vec<UdpSocket>,
}
