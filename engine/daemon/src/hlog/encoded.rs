//! A histogram as a log's line has it: base 64 of HdrHistogram's encoding, usually compressed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{DeserializeError, Deserializer};
use std::io::Read;

/// The first word of an encoding, but for the bits that tell its width.
const PLAIN: u32 = 0x1c84_9303;
const COMPRESSED: u32 = 0x1c84_9304;
/// What older and other encodings begin with.
const OLDER: [u32; 4] = [0x1c84_9301, 0x1c84_9302, 0x1c84_9308, 0x1c84_9309];
const FLOATING: [u32; 2] = [0x0c72_124e, 0x0c72_124f];
const WIDTH: u32 = 0xf0;

/// From the first word to the counts.
const HEAD: usize = 40;
/// The largest histogram there can be, with nine bytes for each of its buckets, is 54 MiB. Nobody has
/// one: this is a histogram of five digits in which each third bucket counts millions.
const INFLATED_MAX: usize = 16 << 20;

/// The histogram of a line.
pub(super) fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let mut bytes = STANDARD.decode(text).map_err(|_| "the histogram is not base 64")?;
    if word(&bytes, 0)? & !WIDTH == COMPRESSED {
        let length = word(&bytes, 4)? as usize;
        let packed = bytes.get(8..).and_then(|rest| rest.get(..length));
        bytes = inflate(packed.ok_or("the histogram is cut short")?)?;
    }
    match word(&bytes, 0)? & !WIDTH {
        PLAIN => {}
        first if OLDER.contains(&first) => {
            return Err("the histogram has an encoding older than version 2".to_string());
        }
        first if FLOATING.map(|of| of & !WIDTH).contains(&first) => {
            return Err("the histogram counts floating-point values".to_string());
        }
        _ => return Err("the histogram has no known encoding".to_string()),
    }
    check(&bytes)?;
    let histogram =
        Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| said(&error))?;
    let histogram: Histogram<u64> = histogram;
    match histogram.len() > super::VALUES_MAX {
        true => Err("more than 2^53 values cannot be counted exactly".to_string()),
        false => Ok(histogram),
    }
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut inflated = ZlibDecoder::new(packed).take(INFLATED_MAX as u64 + 1);
    inflated.read_to_end(&mut bytes).map_err(|_| "the histogram's compression is broken")?;
    match bytes.len() > INFLATED_MAX {
        true => Err(format!("the histogram is larger than {} MiB", INFLATED_MAX >> 20)),
        false => Ok(bytes),
    }
}

/// Holds what the decoder takes on trust: how much memory it asks for, and that no run of zeros is as
/// long as minus the smallest number, which has no positive.
fn check(bytes: &[u8]) -> Result<(), String> {
    let counts = bytes.get(HEAD..).ok_or("the histogram is cut short")?;
    if word(bytes, 4)? as usize > counts.len() {
        return Err("the histogram is cut short".to_string());
    }
    if counts.windows(9).any(|run| run == [0xff; 9]) {
        return Err("the histogram's counts make no sense".to_string());
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Result<u32, String> {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map(u32::from_be_bytes).ok_or_else(|| "the histogram is cut short".to_string())
}

fn said(error: &DeserializeError) -> String {
    use DeserializeError as E;
    match error {
        E::IoError(_) => "the histogram is cut short",
        E::InvalidCookie => "the histogram has no known encoding",
        E::UnsupportedFeature => "the histogram is shifted or scaled, which is not read",
        E::UnsuitableCounterType | E::UsizeTypeTooSmall => "the histogram's counts make no sense",
        E::InvalidParameters => "the histogram's range makes no sense",
        E::EncodedArrayTooLong => "the histogram has counts beyond its range",
    }
    .to_string()
}
