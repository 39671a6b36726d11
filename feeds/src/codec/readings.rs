//! Readings of devices: one measured value a line.
//!
//! Our own plain CSV: the header `event_at,device,metric,value`, then `event_at` in nanoseconds since
//! the epoch, the device (the event's subject), what was measured, and the value in the metric's own
//! unit. A value that is not a finite number never becomes an event.
//!
//! Devices are defined at the venue [`VENUE`], with no decimal places: readings are floating-point
//! numbers and carry their unit in their metric.

use super::lines::{self, Bad, LineCodec, Lines, fields, unsigned};
use super::subjects::{Refused, Subjects};
use super::{Codec, CodecError, Quoted};
use crate::Options;
use engine_event::body::{Definition, Reading};
use engine_event::{Directory, Event, Fault, Kind, Nanos, SubjectId};
use engine_pipeline::{Sink, Tally};

/// The first line.
pub const HEADER: &str = "event_at,device,metric,value";
/// The name of the venue that devices belong to.
pub const VENUE: &str = "device";

/// The codec.
#[derive(Debug)]
pub struct Readings {
    lines: Lines,
    header_seen: bool,
    subjects: Subjects,
}

impl Readings {
    /// A codec at the beginning of a stream.
    pub fn new(options: &Options) -> Self {
        Self { lines: Lines::new(options), header_seen: false, subjects: Subjects::new(options) }
    }
}

impl LineCodec for Readings {
    fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn line<S: Sink>(
        &mut self,
        line: &[u8],
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<(), Bad> {
        if !self.header_seen {
            self.header_seen = true;
            if lines::header(line) == HEADER.as_bytes() {
                return Ok(());
            }
            let what = format!("expected the header {HEADER}, found {}", Quoted(line));
            return Err(Bad::Fatal(CodecError::new(self.lines.place(), what)));
        }
        let mut columns = [&b""[..]; 4];
        if fields(line, &mut columns) != Some(4) {
            return Err(Bad::malformed("expected 4 columns"));
        }
        let [at, device, metric, value] = columns;
        let device = lines::name(device).ok_or(Bad::malformed("the device is not a name"))?;
        let known = names.find(device);
        let reading = || {
            let at = unsigned(at).ok_or(Bad::malformed("event_at is not a whole number"))?;
            let metric = lines::name(metric).ok_or(Bad::malformed("the metric is not a name"))?;
            Ok((Nanos(at), metric, finite(value)?))
        };
        let (at, metric, value) = reading().map_err(|bad: Bad| bad.about(known))?;
        let define = |names: &mut Directory| Ok(Definition::new(names.venues.intern(VENUE)?, 0, 0));
        let met = self.subjects.meet(device, define, at, names, sink);
        let subject = met.map_err(|refused| match refused {
            Refused::Full(_) => Bad::Refused,
            Refused::Scales { .. } => Bad::Fatal(CodecError::new(self.lines.place(), refused)),
        })?;
        let metric = match subject {
            Some(_) => {
                Some(names.metrics.intern(metric).map_err(|full| Bad::from(full).about(subject))?)
            }
            None => None,
        };
        self.lines.date(Kind::Reading as u8, at, tally)?;
        if let (Some(subject), Some(metric)) = (subject, metric) {
            sink.push(Event::new(subject, at, Reading::new(metric, value)));
        }
        Ok(())
    }
}

fn finite(text: &[u8]) -> Result<f64, Bad> {
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    let value = value.ok_or(Bad::malformed("the value is not a number"))?;
    let why = Bad::Lost(Fault::OutOfRange, SubjectId::EVERY, "the value is not finite");
    if value.is_finite() { Ok(value) } else { Err(why) }
}

impl Codec for Readings {
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        last: bool,
        names: &mut Directory,
        sink: &mut S,
        tally: &mut Tally,
    ) -> Result<usize, CodecError> {
        lines::decode(self, input, last, names, sink, tally)
    }

    fn place(&self) -> u64 {
        self.lines.place().number()
    }
}

/// Whether content that begins with `bytes` may be readings.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let (line, _) = lines::first(bytes);
    lines::header(line).starts_with(b"event_at,device,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{assert_chunks_do_not_matter, decode};
    use expect_test::expect;
    use proptest::prelude::*;

    fn decoded(text: &str) -> crate::codec::testing::Decoded {
        decode(&mut Readings::new(&Options::default()), text.as_bytes())
    }

    #[test]
    fn devices_are_defined_and_values_read() {
        let text = "event_at,device,metric,value\n\
             1000,boiler,temperature,71.5\n\
             2000,boiler,pressure,-1e-3\n\
             3000,\"pump, left\",temperature,20\n";
        expect![[r#"
            Define of boiler at 1000 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 0, quantity_scale: 0, venue_tag: [168, 206, 3, 213], tag: [226, 193, 168, 98, 168, 146, 245, 235] }
            Reading of boiler at 1000 {} Reading { value: 71.5, metric: MetricId(0) }
            Reading of boiler at 2000 {} Reading { value: -0.001, metric: MetricId(1) }
            Define of pump, left at 3000 {} Definition { tick: Price(0), lot: Quantity(0), venue: VenueId(0), price_scale: 0, quantity_scale: 0, venue_tag: [168, 206, 3, 213], tag: [111, 149, 243, 63, 248, 89, 68, 120] }
            Reading of pump, left at 3000 {} Reading { value: 20.0, metric: MetricId(0) }
        "#]].assert_eq(&decoded(text).lines());
    }

    #[test]
    fn what_is_no_reading_is_told() {
        let text = "event_at,device,metric,value\r\n\
             1000,boiler,temperature,71.5\r\n\
             1001,boiler,temperature,NaN\r\n\
             1002,boiler,temperature,1e999\r\n\
             1003,boiler,temperature,\r\n\
             1004,boiler,temperature\r\n\
             1005,,temperature,1\r\n\
             1006,\u{7},temperature,1\r\n\
             -5,boiler,temperature,1\r\n\
             1007,boiler,temperature,72\r\n";
        let decoded = decoded(text);
        assert_eq!((decoded.tally.messages, decoded.tally.gaps), (9, 7));
        let of = |fault| decoded.tally.faults.of(fault);
        assert_eq!((of(Fault::OutOfRange), of(Fault::Malformed)), (2, 5));
        let known = decoded.events.iter().filter(|event| event.subject == SubjectId(0)).count();
        assert_eq!(known, 1 + 2 + 4, "gaps are about the device where it is known");
    }

    #[test]
    fn without_its_header_nothing_is_read() {
        let error = decoded("1000,boiler,temperature,71.5\n").error.unwrap().to_string();
        expect![[r#"line 1 (byte 0): expected the header event_at,device,metric,value, found "1000,boiler,temperature,71.5""#]].assert_eq(&error);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_pieces_do_not_matter(
            damage in prop::collection::vec((0usize..20_000, any::<u8>()), 0..50),
            mut ends in prop::collection::vec(0usize..20_000, 0..50),
        ) {
            let mut bytes = Vec::new();
            let settings = crate::synthetic::readings::Settings { rows: 500, ..Default::default() };
            crate::synthetic::readings::generate(settings, &mut bytes).unwrap();
            for (at, byte) in damage {
                let length = bytes.len();
                bytes[at % length] = byte;
            }
            let codec = || Readings::new(&Options::default());
            let (whole, pieces) = (decode(&mut codec(), &bytes), &mut ends);
            if whole.error.is_none() {
                assert_chunks_do_not_matter(codec, &bytes, pieces);
            }
        }
    }
}
