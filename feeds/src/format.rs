//! The formats, and how content tells which one it is.

use crate::codec::{
    bitstamp, dbn, iex, itch_pcap, itch_soup, itch50, lobster, readings, sbe, tape,
};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A format that files come in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Bitstamp's orders as CSV.
    Bitstamp,
    /// Databento Binary Encoding, versions 1 to 3.
    Dbn,
    /// IEX' DEEP 1.0 or TOPS 1.6, as IEX-TP in a pcap or pcapng capture.
    IexPcap,
    /// NASDAQ TotalView-ITCH 5.0, as MoldUDP64 in a pcap or pcapng capture.
    ItchPcap,
    /// NASDAQ TotalView-ITCH 5.0, as SoupBinTCP recorded byte for byte.
    ItchSoup,
    /// NASDAQ TotalView-ITCH 5.0, as a BinaryFILE: each message behind its length.
    Itch50,
    /// LOBSTER's message CSV.
    Lobster,
    /// CME's MDP 3.0 (SBE) in a pcap or pcapng capture.
    Mdp3Pcap,
    /// Device readings as CSV.
    Readings,
    /// The tape: orders with identities as CSV.
    Tape,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 10] = [
        Format::Itch50,
        Format::ItchPcap,
        Format::ItchSoup,
        Format::IexPcap,
        Format::Dbn,
        Format::Lobster,
        Format::Mdp3Pcap,
        Format::Bitstamp,
        Format::Readings,
        Format::Tape,
    ];

    /// How many first bytes of content [`detect`] wants to see, unless the content is shorter.
    pub const DETECT_BYTES: usize = 4096;

    /// Its word on the command line and in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Format::Bitstamp => "bitstamp",
            Format::Dbn => "dbn",
            Format::IexPcap => "iex-pcap",
            Format::ItchPcap => "itch-pcap",
            Format::ItchSoup => "itch-soup",
            Format::Itch50 => "itch50",
            Format::Lobster => "lobster",
            Format::Mdp3Pcap => "mdp3-pcap",
            Format::Readings => "readings",
            Format::Tape => "tape",
        }
    }

    /// What the numbers count by which its faults and gaps name their place.
    pub const fn place(self) -> &'static str {
        match self {
            Format::IexPcap | Format::ItchPcap | Format::Mdp3Pcap => "packet",
            Format::Dbn | Format::Itch50 | Format::ItchSoup => "byte",
            Format::Bitstamp | Format::Lobster | Format::Readings | Format::Tape => "line",
        }
    }

    /// What content of this format begins with, for an error message.
    pub(crate) const fn beginning(self) -> &'static str {
        match self {
            Format::Bitstamp => {
                "a header with id, action, direction, price, volume, timestamp or microtimestamp"
            }
            Format::Dbn => "DBN and a version from 1 to 3",
            Format::IexPcap => "a pcap or pcapng capture of IEX-TP with DEEP 1.0 or TOPS 1.6",
            Format::ItchPcap => "a pcap or pcapng capture of MoldUDP64 with ITCH 5.0",
            Format::ItchSoup => "packets of SoupBinTCP with ITCH 5.0",
            Format::Itch50 => "messages of ITCH 5.0, each behind its length in two bytes",
            Format::Lobster => "lines of time,type,order id,size,price,direction",
            Format::Mdp3Pcap => "a pcap or pcapng capture of CME's MDP 3.0",
            Format::Readings => "the header event_at,device,metric,value",
            Format::Tape => {
                "a header with event_at, subject, kind, order_id, side, price, quantity"
            }
        }
    }

    pub(crate) fn looks_like(self, bytes: &[u8]) -> bool {
        match self {
            Format::Bitstamp => bitstamp::looks_like(bytes),
            Format::Dbn => dbn::looks_like(bytes),
            Format::IexPcap => iex::looks_like(bytes),
            Format::ItchPcap => itch_pcap::looks_like(bytes),
            Format::ItchSoup => itch_soup::looks_like(bytes),
            Format::Itch50 => itch50::looks_like(bytes),
            Format::Lobster => lobster::looks_like(bytes),
            Format::Mdp3Pcap => sbe::looks_like(bytes),
            Format::Readings => readings::looks_like(bytes),
            Format::Tape => tape::looks_like(bytes),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no format.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("unknown format \"{0}\": expected one of {words}", words = Format::ALL.map(Format::word).join(", "))]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = Format::ALL.into_iter().find(|format| format.word() == word);
        named.ok_or_else(|| UnknownFormat(word.to_owned()))
    }
}

/// The format of content that begins with `bytes` (decompressed; see [`Format::DETECT_BYTES`]), if it
/// looks like exactly one that we know.
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let mut alike = Format::ALL.into_iter().filter(|format| format.looks_like(bytes));
    alike.next().filter(|_| alike.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back() {
        for format in Format::ALL {
            assert_eq!(format.word().parse(), Ok(format));
        }
        assert_eq!(
            "csv".parse::<Format>().unwrap_err().to_string(),
            "unknown format \"csv\": expected one of itch50, itch-pcap, itch-soup, iex-pcap, dbn, lobster, mdp3-pcap, bitstamp, readings, tape"
        );
    }

    #[test]
    fn content_tells() {
        let mut itch = vec![0, 12, b'S'];
        itch.extend([0; 11]);
        for (bytes, format) in [
            (&itch[..], Some(Format::Itch50)),
            (&itch[..5], Some(Format::Itch50)),
            (b"34200.004241176,1,16113575,18,5853300,1\n", Some(Format::Lobster)),
            (b"34200.004241176,1,16113575,18,5853300,1,null\r\n", Some(Format::Lobster)),
            (b"event_at,device,metric,value\n1,a,b,2", Some(Format::Readings)),
            (b"event_at,subject,venue,kind,order_id,side,price,quantity", Some(Format::Tape)),
            (b"DBN\x03\x60\x01\0\0GLBX.MDP3", Some(Format::Dbn)),
            (b"DBN\x07\x60\x01\0\0", Some(Format::Dbn)),
            (b"DBN,GLBX,MDP3", None),
            (
                b"id,timestamp,exchange.timestamp,price,volume,action,direction\n",
                Some(Format::Bitstamp),
            ),
            (b"", None),
            (b"hello world, this is prose\n", None),
            (b"<html>", None),
            (b"5859400,200,5853300,18,5859800,200\n", None),
            (&[0; 4096], None),
            (b"\x7fELF\x02\x01\x01", None),
        ] {
            assert_eq!(detect(bytes), format, "{}", bytes.escape_ascii());
        }
    }
}
