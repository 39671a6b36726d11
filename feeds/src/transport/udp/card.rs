//! What a network card can stamp: asked of its driver, without changing anything.

#![allow(unsafe_code)] // one call that takes a pointer

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

/// Who can stamp the packets that an interface receives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CardStamps {
    /// The card itself, and all packets, not only those of a time protocol.
    pub hardware: bool,
    /// The kernel.
    pub kernel: bool,
    /// The number of the card's clock (`/dev/ptp0`).
    pub clock: Option<u32>,
}

/// `struct ethtool_ts_info` of linux/ethtool.h.
#[repr(C)]
#[derive(Default)]
struct Told {
    command: u32,
    stamping: u32,
    clock: i32,
    sent: u32,
    sent_reserved: [u32; 3],
    received: u32,
    received_reserved: [u32; 3],
}

/// `struct ifreq` of linux/if.h, with a pointer in its union.
#[repr(C)]
struct Request {
    name: [u8; 16],
    told: *mut Told,
    rest: [u64; 2],
}

const _: () = assert!(size_of::<Told>() == 44 && size_of::<Request>() == 40);

/// Asks the driver of an interface (`eth0`). Anybody may ask.
pub fn card_stamps(interface: &str) -> io::Result<CardStamps> {
    const ETHTOOL: u64 = 0x8946; // SIOCETHTOOL
    const TELL_STAMPING: u32 = 0x41; // ETHTOOL_GET_TS_INFO
    let mut told = Told { command: TELL_STAMPING, ..Told::default() };
    let mut request = Request { name: [0; 16], told: &raw mut told, rest: [0; 2] };
    // The last byte ends the name.
    if interface.is_empty() || interface.len() >= request.name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    request.name[..interface.len()].copy_from_slice(interface.as_bytes());
    let any = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    // SAFETY: the kernel reads the request, which lives until the call is over, and writes 44 bytes to
    // what it points at, which is as large and lives as long.
    let answer = unsafe { libc::ioctl(any.as_raw_fd(), ETHTOOL as _, &raw mut request) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(told.into()) }
}

impl From<Told> for CardStamps {
    fn from(told: Told) -> Self {
        const BY_CARD: u32 = 1 << 2 | 1 << 6; // RX_HARDWARE, RAW_HARDWARE
        const BY_KERNEL: u32 = 1 << 3 | 1 << 4; // RX_SOFTWARE, SOFTWARE
        const ALL_PACKETS: u32 = 1 << 1; // HWTSTAMP_FILTER_ALL
        let has = |bits| told.stamping & bits == bits;
        Self {
            hardware: has(BY_CARD) && told.received & ALL_PACKETS != 0,
            kernel: has(BY_KERNEL),
            clock: u32::try_from(told.clock).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_stamped_by_the_kernel() {
        let stamps = card_stamps("lo").unwrap();
        assert_eq!(stamps, CardStamps { hardware: false, kernel: true, clock: None });
    }

    #[test]
    fn a_card_that_stamps_everything_is_told_from_one_that_does_not() {
        let card = |received| {
            let told = Told { stamping: 0b101_1100, clock: 0, received, ..Told::default() };
            CardStamps::from(told)
        };
        let all = CardStamps { hardware: true, kernel: true, clock: Some(0) };
        assert_eq!(card(0b11), all);
        assert!(!card(1 << 12).hardware, "only those of a time protocol");
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        assert!(card_stamps("no-such-card").is_err());
        assert_eq!(card_stamps("").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(card_stamps(&"x".repeat(16)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
