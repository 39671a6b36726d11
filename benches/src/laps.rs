//! A recording of DBN that is too short to be timed, one lap after another.

use std::io::{self, Write};

const RECORD: usize = 56;
/// Flags of DBN: the receiving clock was wrong, and a group of events ends.
const BAD_TS_RECV: u8 = 8;
const LAST: u8 = 128;

/// Writes a file of DBN's orders (MBO) so many times in a row, each lap after a record that clears the
/// book. So that time never runs backwards, all laps together take as long as the recording. Returns
/// how many records that are.
pub(crate) fn repeat(recording: &[u8], laps: u64, out: &mut impl Write) -> io::Result<u64> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let length = recording.get(4..8).ok_or(invalid("no DBN"))?;
    let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
    let (head, rest) = recording.split_at_checked(8 + length).ok_or(invalid("no metadata"))?;
    let (records, []) = rest.as_chunks::<RECORD>() else {
        return Err(invalid("records of other lengths than orders have"));
    };
    let times = records.iter().map(received);
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
        return Err(invalid("no record"));
    };
    out.write_all(head)?;
    let lap_ns = (last - first) / laps.max(1);
    for lap in 0..laps {
        let begins = first + lap * lap_ns;
        out.write_all(&timed(cleared(records[0]), begins))?;
        let mut latest = begins;
        for record in records {
            latest = latest.max(begins + (received(record) - first) / laps);
            out.write_all(&timed(*record, latest))?;
        }
    }
    Ok(laps * (records.len() as u64 + 1))
}

fn received(record: &[u8; RECORD]) -> u64 {
    u64::from_le_bytes(record[40..48].try_into().expect("eight bytes"))
}

/// A record that clears the book of its instrument.
fn cleared(mut record: [u8; RECORD]) -> [u8; RECORD] {
    record[16..24].fill(0);
    record[24..32].copy_from_slice(&i64::MAX.to_le_bytes());
    record[32..36].fill(0);
    record[36] = LAST;
    record[38..40].copy_from_slice(b"RN");
    record
}

/// A record that was sent and received at another time, by a clock that was right.
fn timed(mut record: [u8; RECORD], time: u64) -> [u8; RECORD] {
    record[8..16].copy_from_slice(&time.to_le_bytes());
    record[40..48].copy_from_slice(&time.to_le_bytes());
    record[36] &= !BAD_TS_RECV;
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_event::Kind;
    use feeds::codec::{Codec, Dbn};

    #[test]
    fn laps_are_read_without_a_fault_and_each_begins_with_an_empty_book() {
        let (mut once, mut thrice) = (Vec::new(), Vec::new());
        feeds::synthetic::dbn::generate(500, 1, 1, &mut once).expect("memory takes any bytes");
        assert_eq!(repeat(&once, 3, &mut thrice).unwrap(), 3 * 501);
        let mut codec = Dbn::new(&feeds::Options { strict: true, ..feeds::Options::default() });
        let mut names = engine_event::Directory::new(10);
        let mut tally = engine_pipeline::Tally::default();
        let (mut events, mut rest) = (Vec::<engine_event::Event>::new(), &thrice[..]);
        while !rest.is_empty() {
            let read = codec.decode(rest, true, &mut names, &mut events, &mut tally).unwrap();
            rest = &rest[read..];
        }
        assert_eq!(tally.messages, 3 * 501);
        let cleared = events.iter().filter(|event| event.kind() == Kind::Clear).count();
        assert_eq!(cleared, 3 * 2, "each recording of this generator clears once by itself");
        assert!(events.is_sorted_by_key(|event| event.event_at));
    }

    #[test]
    fn what_is_no_recording_of_orders_is_refused() {
        let refused = |bytes: &[u8]| repeat(bytes, 2, &mut Vec::new()).unwrap_err().to_string();
        assert_eq!(refused(b"DBN"), "no DBN");
        assert_eq!(refused(b"DBN\x01\x01\0\0\0"), "no metadata");
        assert_eq!(refused(b"DBN\x01\0\0\0\0"), "no record");
        assert_eq!(refused(b"DBN\x01\0\0\0\0x"), "records of other lengths than orders have");
    }
}
