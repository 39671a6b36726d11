//! Sockets that listen to a group or an address, with all that they are to tell besides payloads.

use super::Stamping;
use engine_event::Nanos;
use nix::sys::socket::sockopt::{
    RcvBuf, RcvBufForce, ReceiveTimestampns, ReuseAddr, RxqOvfl, Timestamping,
};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, TimestampingFlag, bind, getsockopt,
    setsockopt, socket,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// What a socket is opened with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) interface: Ipv4Addr,
    pub(super) stamping: Stamping,
    pub(super) buffer_bytes: usize,
}

/// Opens a socket that hears what is sent to `target`: a group to join, or an address of this machine.
pub(super) fn listen(target: SocketAddr, wish: &Wish) -> io::Result<UdpSocket> {
    let family = if target.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(family, SockType::Datagram, flags, None)?;
    // Several listeners of one group on one machine, as with any other subscriber.
    setsockopt(&fd, ReuseAddr, &target.ip().is_multicast())?;
    // Bound to the group itself: what is sent to the same port of another one stays out.
    bind(fd.as_raw_fd(), &SockaddrStorage::from(target))?;
    let socket = UdpSocket::from(fd);
    match target {
        SocketAddr::V4(target) if target.ip().is_multicast() => {
            socket.join_multicast_v4(target.ip(), &wish.interface)?;
        }
        SocketAddr::V6(target) if target.ip().is_multicast() => {
            socket.join_multicast_v6(target.ip(), target.scope_id())?;
        }
        _ => {}
    }
    prepare(&socket, wish)?;
    Ok(socket)
}

/// Opens a socket that talks to `server` and hears nobody else.
pub(super) fn connect(server: SocketAddr, wish: &Wish) -> io::Result<UdpSocket> {
    let own = match server.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V4(_) => wish.interface.into(),
        IpAddr::V6(_) => IpAddr::from([0u16; 8]),
    };
    let socket = UdpSocket::bind(SocketAddr::new(own, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    prepare(&socket, wish)?;
    Ok(socket)
}

fn prepare(socket: &UdpSocket, wish: &Wish) -> io::Result<()> {
    // The first goes beyond the machine's limit, for those who may.
    if setsockopt(socket, RcvBufForce, &wish.buffer_bytes).is_err() {
        setsockopt(socket, RcvBuf, &wish.buffer_bytes)?;
    }
    setsockopt(socket, RxqOvfl, &1)?;
    match wish.stamping {
        Stamping::None => {}
        Stamping::Kernel => setsockopt(socket, ReceiveTimestampns, &true)?,
        Stamping::Hardware => {
            let flags = TimestampingFlag::SOF_TIMESTAMPING_RX_HARDWARE
                | TimestampingFlag::SOF_TIMESTAMPING_RAW_HARDWARE
                | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
                | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
            setsockopt(socket, Timestamping, &flags)?;
        }
    }
    Ok(())
}

/// How many bytes the kernel keeps for a socket: it counts its own records of them too, and says twice
/// what was asked for.
pub(super) fn buffer_bytes(socket: &UdpSocket) -> usize {
    getsockopt(socket, RcvBuf).unwrap_or(0) / 2
}

/// What the kernel tells beside a payload.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::transport) struct Beside {
    /// When the packet came, by the best clock that was asked for.
    pub(in crate::transport) at: Option<Nanos>,
    /// How many packets the socket has dropped since it was opened.
    pub(in crate::transport) drops: Option<u32>,
}

/// Where and when something came from, as the kernel writes it into a buffer.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C, packed)]
struct Head {
    length: u64,
    level: i32,
    kind: i32,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C, packed)]
struct Time {
    seconds: i64,
    nanos: i64,
}

const _: () = assert!(size_of::<usize>() == 8, "control messages are laid out for 64 bits");

impl Time {
    fn nanos(&self) -> Option<Nanos> {
        let (seconds, nanos) = (self.seconds, self.nanos);
        let at = u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?;
        let at = at.checked_add(u64::try_from(nanos).ok()?)?;
        (at > 0).then_some(Nanos(at))
    }
}

impl Beside {
    /// Control messages as they lie in a buffer.
    pub(in crate::transport) fn parse(mut control: &[u8]) -> Self {
        let mut beside = Self::default();
        while let Ok((head, rest)) = Head::ref_from_prefix(control) {
            let (length, level, kind) = (head.length as usize, head.level, head.kind);
            let Some(data) = length.checked_sub(16).and_then(|data| rest.get(..data)) else {
                break;
            };
            beside.take(level, kind, data);
            control = control.get(length.next_multiple_of(8)..).unwrap_or(&[]);
        }
        beside
    }

    fn take(&mut self, level: i32, kind: i32, data: &[u8]) {
        let time = |place: usize| Time::ref_from_prefix(data.get(place * 16..)?).ok()?.0.nanos();
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => self.at = time(0),
            // By software, a legacy, by hardware.
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => self.at = time(2).or_else(|| time(0)),
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                self.drops = data.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
            }
            _ => {}
        }
    }
}

/// A socket address as it lies in a buffer.
pub(in crate::transport) fn address(name: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(*name.get(2..)?.first_chunk()?);
    match i32::from(u16::from_ne_bytes(*name.first_chunk()?)) {
        libc::AF_INET => {
            let ip: [u8; 4] = *name.get(4..)?.first_chunk()?;
            Some(SocketAddr::new(ip.into(), port))
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = *name.get(8..)?.first_chunk()?;
            Some(SocketAddr::new(ip.into(), port))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        let mut bytes = (16 + data.len() as u64).to_ne_bytes().to_vec();
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    fn time(seconds: i64, nanos: i64) -> Vec<u8> {
        [seconds.to_ne_bytes(), nanos.to_ne_bytes()].concat()
    }

    #[test]
    fn control_messages_tell_the_best_stamp_and_the_drops() {
        let kernel = message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &time(7, 5));
        let drops = message(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &3u32.to_ne_bytes());
        let read = Beside::parse(&[kernel, drops].concat());
        assert_eq!(read, Beside { at: Some(Nanos(7_000_000_005)), drops: Some(3) });
        let both = [time(7, 5), time(0, 0), time(9, 1)].concat();
        let both = message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &both);
        assert_eq!(Beside::parse(&both).at, Some(Nanos(9_000_000_001)));
        let soft = [time(7, 5), time(0, 0), time(0, 0)].concat();
        let soft = message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &soft);
        assert_eq!(Beside::parse(&soft).at, Some(Nanos(7_000_000_005)));
        for length in 0..both.len() {
            Beside::parse(&both[..length]);
        }
        assert_eq!(Beside::parse(&[0xff; 40]), Beside::default());
    }

    #[test]
    fn addresses_lie_as_the_kernel_writes_them() {
        let family = (libc::AF_INET as u16).to_ne_bytes();
        let name = [&family[..], &[0x67, 0x20, 10, 0, 0, 1], &[0; 8]].concat();
        assert_eq!(address(&name), Some("10.0.0.1:26400".parse().unwrap()));
        assert_eq!(address(&name[..7]), None);
        assert_eq!(address(&[0; 28]), None);
    }

    #[test]
    fn a_group_is_heard_on_loopback_and_its_packets_are_stamped() {
        let wish = Wish {
            interface: Ipv4Addr::LOCALHOST,
            stamping: Stamping::Kernel,
            buffer_bytes: 1 << 20,
        };
        let target = "239.255.70.1:0".parse().unwrap();
        let socket = listen(target, &wish).unwrap();
        assert!(buffer_bytes(&socket) > 0);
        assert_eq!(socket.local_addr().unwrap().ip(), target.ip());
    }
}
