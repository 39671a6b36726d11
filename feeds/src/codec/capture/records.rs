//! The packets of a capture, where they lie.

use crate::codec::RECORD_BYTES_MAX;
use engine_event::Nanos;
use pcap_parser::pcapng::PcapNGOption;
use pcap_parser::{
    Block, OptionCode, PcapHeader, parse_block_be, parse_block_le, parse_pcap_frame,
    parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};
use thiserror::Error;

/// Walks over a capture, record by record.
#[derive(Debug, Default)]
pub struct Records {
    form: Option<Form>,
    interfaces: Vec<Interface>,
    /// How many bytes of a record that nobody wants are still to come.
    skip: u64,
    /// The latest stamp: that of a packet which has none.
    at: Nanos,
    /// What the latest section says about itself.
    note: Option<Box<str>>,
}

/// How a capture is written.
#[derive(Clone, Debug)]
enum Form {
    Pcap(PcapHeader),
    Pcapng { big_endian: bool },
}

/// Where a packet was seen.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u16,
    units_per_second: u64,
    offset_s: i64,
}

/// What stands next in a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// A packet, and how many bytes its record takes.
    Packet(Packet<'a>, usize),
    /// A packet that cannot be read, or is too long: so many bytes are to be consumed.
    Unreadable(usize),
    /// Something else, of so many bytes.
    Other(usize),
    /// More bytes are needed.
    More,
}

/// A packet as it was captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// When, in nanoseconds since the epoch.
    pub at: Nanos,
    /// What its first bytes are: a number of the list at tcpdump.org/linktypes.html.
    pub link: u16,
    /// Its bytes, as many as were kept.
    pub bytes: &'a [u8],
    /// How many bytes it had.
    pub length: u32,
}

/// Why there is no next record.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Broken {
    /// Neither pcap nor pcapng.
    #[error("this is neither a pcap nor a pcapng capture")]
    Magic,
    /// A length that no record has.
    #[error("a record says that it has {0} bytes")]
    Length(u32),
    /// The description of a section or an interface cannot be read.
    #[error("the {0} cannot be read")]
    Unreadable(&'static str),
    /// Time is counted in units that are too small.
    #[error("an interface counts time in units that do not fit ({0:#04x})")]
    Resolution(u8),
    /// More interfaces than anybody has.
    #[error("there are more than {0} interfaces")]
    Interfaces(usize),
}

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
/// Longer packets than this no tool writes.
const SNAP_BYTES_MAX: u32 = 262_144;
const INTERFACES_MAX: usize = 1024;
const PCAP_HEADER: usize = 24;

impl Records {
    /// Whether content that begins with `bytes` is a capture.
    pub fn is_capture(bytes: &[u8]) -> bool {
        match bytes.first_chunk::<4>().map(|magic| u32::from_be_bytes(*magic)) {
            Some(0xa1b2_c3d4 | 0xd4c3_b2a1 | 0xa1b2_3c4d | 0x4d3c_b2a1 | 0x34cd_b2a1) => true,
            Some(SECTION) => byte_order(bytes).is_some(),
            _ => false,
        }
    }

    /// Whether the bytes of a record are still to come that were not asked for.
    pub fn is_within(&self) -> bool {
        self.skip > 0
    }

    /// What the section that was just begun says about itself, once.
    pub fn take_note(&mut self) -> Option<Box<str>> {
        self.note.take()
    }

    /// What stands at the beginning of `input`, the bytes not consumed before. A packet may be asked for
    /// again; what else it gives is to be consumed.
    pub fn step<'a>(&mut self, input: &'a [u8]) -> Result<Step<'a>, Broken> {
        if self.skip > 0 {
            let here = self.skip.min(input.len() as u64);
            self.skip -= here;
            return Ok(if here > 0 { Step::Other(here as usize) } else { Step::More });
        }
        match &self.form {
            None => self.begin(input),
            Some(Form::Pcap(_)) => self.pcap(input),
            Some(Form::Pcapng { big_endian }) => {
                let big_endian = *big_endian;
                self.pcapng(big_endian, input)
            }
        }
    }

    fn begin<'a>(&mut self, input: &'a [u8]) -> Result<Step<'a>, Broken> {
        if input.len() < PCAP_HEADER {
            let may_be = input.len() < 12 || Self::is_capture(input);
            return if may_be { Ok(Step::More) } else { Err(Broken::Magic) };
        }
        if !Self::is_capture(input) {
            return Err(Broken::Magic);
        }
        if input.starts_with(&SECTION.to_be_bytes()) {
            return self.pcapng(false, input);
        }
        let (_, header) = parse_pcap_header(input).map_err(|_| Broken::Magic)?;
        self.form = Some(Form::Pcap(header));
        Ok(Step::Other(PCAP_HEADER))
    }

    fn pcap<'a>(&mut self, input: &'a [u8]) -> Result<Step<'a>, Broken> {
        let Some(Form::Pcap(header)) = &self.form else { return Err(Broken::Magic) };
        let (parse, head) = match header {
            header if header.is_bigendian() => (parse_pcap_frame_be as Frame, 16),
            header if header.is_modified_format() => (parse_pcap_frame_modified as Frame, 24),
            _ => (parse_pcap_frame as Frame, 16),
        };
        let Some(&length) = input.get(8..).and_then(<[u8]>::first_chunk::<4>) else {
            return Ok(Step::More);
        };
        let big_endian = header.is_bigendian();
        let length =
            if big_endian { u32::from_be_bytes(length) } else { u32::from_le_bytes(length) };
        if length > SNAP_BYTES_MAX {
            return Err(Broken::Length(length));
        }
        let record = head + length as usize;
        if record > RECORD_BYTES_MAX {
            return Ok(self.pass_over(record, input.len(), true));
        }
        let Ok((_, frame)) = parse(input) else { return Ok(Step::More) };
        let units = if header.is_nanosecond_precision() { 1 } else { 1000 };
        let at = u64::from(frame.ts_sec) * 1_000_000_000 + u64::from(frame.ts_usec) * units;
        // The upper bits may say how long the frame's checksum is.
        let link = (header.network.0 & 0xffff) as u16;
        let packet = Packet { at: Nanos(at), link, bytes: frame.data, length: frame.origlen };
        Ok(Step::Packet(packet, record))
    }

    fn pcapng<'a>(&mut self, big_endian: bool, input: &'a [u8]) -> Result<Step<'a>, Broken> {
        let Some((&[kind, length], _)) = input.as_chunks::<4>().0.split_first_chunk::<2>() else {
            return Ok(Step::More);
        };
        let is_section = kind == SECTION.to_be_bytes();
        let big_endian = match is_section {
            false => big_endian,
            true if input.len() < 12 => return Ok(Step::More),
            true => byte_order(input).ok_or(Broken::Unreadable("section header"))?,
        };
        let number = |bytes: [u8; 4]| match big_endian {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        };
        let (kind, length) = (number(kind), number(length));
        if length < 12 || !length.is_multiple_of(4) {
            return Err(Broken::Length(length));
        }
        let (record, is_packet) =
            (length as usize, matches!(kind, ENHANCED_PACKET | SIMPLE_PACKET));
        if !is_section && kind != INTERFACE && !is_packet {
            return Ok(self.pass_over(record, input.len(), false));
        }
        if record > RECORD_BYTES_MAX {
            return match is_packet {
                true => Ok(self.pass_over(record, input.len(), true)),
                false => Err(Broken::Length(length)),
            };
        }
        let Some(block) = input.get(..record) else { return Ok(Step::More) };
        let parsed = if big_endian { parse_block_be(block) } else { parse_block_le(block) };
        self.block(parsed.ok().map(|(_, block)| block), is_packet, big_endian, record)
    }

    /// What a block that is all there says, if it could be read.
    fn block<'a>(
        &mut self,
        block: Option<Block<'a>>,
        is_packet: bool,
        big_endian: bool,
        record: usize,
    ) -> Result<Step<'a>, Broken> {
        let packet = match block {
            Some(Block::SectionHeader(block)) => {
                self.form = Some(Form::Pcapng { big_endian });
                let note = block.options.iter().find(|option| option.code == OptionCode::Comment);
                let note = note.and_then(|note| std::str::from_utf8(note.value()).ok());
                self.note = note.map(|note| note.trim_end_matches('\0').into());
                self.interfaces.clear();
                return Ok(Step::Other(record));
            }
            Some(Block::InterfaceDescription(block)) => {
                if self.interfaces.len() == INTERFACES_MAX {
                    return Err(Broken::Interfaces(INTERFACES_MAX));
                }
                let link = (block.linktype.0 & 0xffff) as u16;
                let units_per_second = units_per_second(block.if_tsresol)?;
                let offset_s = offset_s(&block.options, big_endian);
                self.interfaces.push(Interface { link, units_per_second, offset_s });
                return Ok(Step::Other(record));
            }
            Some(Block::EnhancedPacket(block)) => {
                let interface = usize::try_from(block.if_id).ok();
                interface.and_then(|id| self.interfaces.get(id)).copied().and_then(|interface| {
                    let ticks = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
                    self.at = interface.stamp(ticks);
                    let bytes = block.data.get(..block.caplen as usize)?;
                    let (at, link, length) = (self.at, interface.link, block.origlen);
                    Some(Packet { at, link, bytes, length })
                })
            }
            // It belongs to the first interface, and has no stamp of its own.
            Some(Block::SimplePacket(block)) => self.interfaces.first().map(|interface| {
                let whole = (block.origlen as usize).min(block.data.len());
                let (link, length) = (interface.link, block.origlen);
                Packet { at: self.at, link, bytes: &block.data[..whole], length }
            }),
            _ if is_packet => None,
            _ if self.form.is_none() => return Err(Broken::Unreadable("section header")),
            _ => return Err(Broken::Unreadable("description of an interface")),
        };
        Ok(packet.map_or(Step::Unreadable(record), |packet| Step::Packet(packet, record)))
    }

    /// Steps over a record, of which not all may be there.
    fn pass_over<'a>(&mut self, record: usize, there: usize, is_packet: bool) -> Step<'a> {
        let here = record.min(there);
        self.skip = (record - here) as u64;
        if is_packet { Step::Unreadable(here) } else { Step::Other(here) }
    }
}

type Frame = for<'a> fn(
    &'a [u8],
) -> Result<
    (&'a [u8], pcap_parser::LegacyPcapBlock<'a>),
    pcap_parser::nom::Err<pcap_parser::PcapError<&'a [u8]>>,
>;

impl Interface {
    /// When a count of its units is, in nanoseconds since the epoch.
    fn stamp(&self, ticks: u64) -> Nanos {
        let nanos = match self.units_per_second {
            1_000_000_000 => i128::from(ticks),
            units => i128::from(ticks) * 1_000_000_000 / i128::from(units),
        };
        let nanos = nanos + i128::from(self.offset_s) * 1_000_000_000;
        Nanos(nanos.clamp(0, i128::from(u64::MAX)) as u64)
    }
}

/// Whether a section is big-endian, by its header's mark.
fn byte_order(section: &[u8]) -> Option<bool> {
    let mark = section.get(8..12)?;
    let little = mark.iter().rev().eq(BYTE_ORDER.iter());
    (little || mark == BYTE_ORDER).then_some(!little)
}

/// A power of ten, or of two if the highest bit is set. (`pcap_parser` refuses all of two.)
fn units_per_second(resolution: u8) -> Result<u64, Broken> {
    let power = u32::from(resolution & 0x7f);
    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(power).ok_or(Broken::Resolution(resolution))
}

/// The seconds that are added to all stamps. (`pcap_parser` reads them as little-endian always.)
fn offset_s(options: &[PcapNGOption<'_>], big_endian: bool) -> i64 {
    let option = options.iter().find(|option| option.code == OptionCode::IfTsoffset);
    let bytes = option.and_then(|option| option.value().first_chunk::<8>().copied());
    bytes.map_or(0, |bytes| match big_endian {
        true => i64::from_be_bytes(bytes),
        false => i64::from_le_bytes(bytes),
    })
}
