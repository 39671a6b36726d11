//! `tapewatch generate`: data that is the same wherever and whenever it is made.

use crate::cli::{Generate, Synthetic};
use crate::failure::Failure;
use anyhow::{Context, anyhow};
use feeds::synthetic::{dbn, itch, lobster, readings, tape};
use std::fs::File;
use std::io::{self, BufWriter, Write};

pub(crate) fn run(arguments: &Generate) -> Result<(), Failure> {
    let needless = match arguments.what {
        Synthetic::Lobster if arguments.subjects.is_some() => {
            Some("--subjects: a LOBSTER file has one")
        }
        Synthetic::Itch | Synthetic::Dbn | Synthetic::Lobster | Synthetic::Iot
            if arguments.bursts.is_some() =>
        {
            Some("--bursts: only a tape tells who stuffs")
        }
        _ => None,
    };
    if let Some(needless) = needless {
        return Err(Failure::usage(anyhow!(needless)));
    }
    let written = File::create(&arguments.out).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write(arguments, &mut out)?;
        out.flush()
    });
    written.with_context(|| arguments.out.display().to_string())?;
    Ok(())
}

fn write(arguments: &Generate, out: &mut impl Write) -> io::Result<()> {
    let &Generate { what, messages, seed, subjects, bursts, .. } = arguments;
    let subjects_or = |usual: u32| subjects.unwrap_or(usual);
    match what {
        Synthetic::Itch => {
            itch::generate(messages, seed, subjects_or(8000) as usize, out).map(drop)
        }
        Synthetic::Dbn => dbn::generate(messages, seed, subjects_or(200) as usize, out),
        Synthetic::Lobster => lobster::generate(messages, seed, out),
        Synthetic::Tape => {
            let stocks = subjects_or(20) as usize;
            let settings = tape::Settings {
                lines: messages,
                seed,
                stocks,
                bursts: bursts.unwrap_or(0),
                ..tape::Settings::default()
            };
            tape::generate(settings, out).map(drop)
        }
        Synthetic::Iot => {
            let devices = subjects_or(20);
            let settings = readings::Settings {
                rows: messages,
                seed,
                devices,
                ..readings::Settings::default()
            };
            readings::generate(settings, out).map(drop)
        }
    }
}
