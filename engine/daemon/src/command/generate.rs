//! `tapewatch generate`: data that is the same wherever and whenever it is made.

use crate::cli::{Generate, Publish, Synthetic};
use crate::failure::Failure;
use crate::output::tell;
use anyhow::{Context, anyhow};
use feeds::codec::sbe::Schema;
use feeds::synthetic::cloned::Recording;
use feeds::synthetic::{dbn, itch, lobster, mdp3, readings, tape};
use feeds::transport::publish::{Publication, Published, publish};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(crate) fn run(arguments: &Generate) -> Result<(), Failure> {
    if matches!(arguments.what, Synthetic::Case) {
        return super::inject::generate(arguments);
    }
    let needless = match arguments.what {
        Synthetic::Lobster if arguments.subjects.is_some() => {
            Some("--subjects: a LOBSTER file has one")
        }
        _ if arguments.publish.udp.is_none() && arguments.publish.is_asked_for() => {
            Some("--out: a file is not sent; --udp says where to")
        }
        Synthetic::Itch
        | Synthetic::Dbn
        | Synthetic::Lobster
        | Synthetic::Mdp3
        | Synthetic::Iot
            if arguments.bursts.is_some() =>
        {
            Some("--bursts: only a tape tells who stuffs")
        }
        Synthetic::Lobster if arguments.messages == 0 => {
            Some("--messages: a LOBSTER file has no header, so one without a line is none")
        }
        _ if arguments.case.is_some() || arguments.labels.is_some() => {
            Some("--labels: only a historic case has a name and a label")
        }
        what if !matches!(what, Synthetic::Itch) && arguments.truth.is_some() => {
            Some("--truth: only of ITCH it is written")
        }
        what if !matches!(what, Synthetic::Itch) && arguments.flow.is_some() => {
            Some("--flow: only an itch session repeats a recording")
        }
        _ => None,
    };
    if let Some(needless) = needless {
        return Err(Failure::usage(anyhow!(needless)));
    }
    let Some(out) = &arguments.out else { return send(arguments) };
    let written = File::create(out).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write(arguments, &mut out)?;
        out.flush()
    });
    written.with_context(|| out.display().to_string())?;
    Ok(())
}

/// Sends a session instead of writing it.
fn send(arguments: &Generate) -> Result<(), Failure> {
    let Publish { udp: Some(first), .. } = arguments.publish else { return Ok(()) };
    if !matches!(arguments.what, Synthetic::Itch) {
        return Err(Failure::usage(anyhow!("--udp: only an itch session can be sent")));
    }
    // Everything may be asked for again, so everything is kept.
    const MESSAGES_MAX: u64 = 50_000_000;
    if arguments.messages > MESSAGES_MAX {
        let what = format!("--messages: a session that is sent has at most {MESSAGES_MAX}");
        return Err(Failure::usage(anyhow!(what)));
    }
    let publication = publication(arguments, first)?;
    let mut session = Vec::new();
    write(arguments, &mut session).context("memory")?;
    let stop = Arc::new(AtomicBool::new(false));
    crate::session::stop_on_signals(&stop)?;
    let Publication { lines, requests, rate, .. } = &publication;
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    let requests = requests.map(|at| format!(", requests at {at}")).unwrap_or_default();
    let lines = lines.join(", ");
    tell(format_args!("tapewatch: sending to {lines} at {rate} messages/s{requests}\n"));
    let sent = publish(session, &publication, &stop).with_context(|| format!("udp {first}"))?;
    let Published { messages, packets, lost, duplicated, reordered, answered, refused } = sent;
    tell(format_args!(
        "tapewatch: sent {messages} messages in {packets} packets; {lost} packets lost, {duplicated} \
         twice, {reordered} late; {answered} requests answered, {refused} refused\n"
    ));
    Ok(())
}

fn publication(arguments: &Generate, first: SocketAddr) -> Result<Publication, Failure> {
    let of = &arguments.publish;
    let interface = of.interface.unwrap_or(Ipv4Addr::LOCALHOST);
    let port = |further: u16| {
        let port = first.port().checked_add(further);
        port.ok_or_else(|| Failure::usage(anyhow!("--udp: there is no port after the last one")))
    };
    let lines = (0..of.lines.unwrap_or(1)).map(|line| Ok(SocketAddr::new(first.ip(), port(line)?)));
    let requests = match of.requests {
        Some(requests) => requests,
        None => SocketAddr::new(interface.into(), port(10)?),
    };
    Ok(Publication {
        lines: lines.collect::<Result<_, Failure>>()?,
        interface,
        requests: Some(requests),
        session: *b"TAPEWATCH1",
        rate: of.rate.unwrap_or(100_000.0),
        messages_max: of.packet_messages.unwrap_or(20),
        loss_in_million: of.loss.unwrap_or(0),
        reorder_in_million: of.reorder.unwrap_or(0),
        duplicate_in_million: of.duplicate.unwrap_or(0),
        seed: arguments.seed,
        linger: Duration::from_secs(u64::from(of.linger.unwrap_or(3))),
    })
}

/// Reads one; an error names its file.
fn recording(file: &Path) -> io::Result<Recording> {
    let read = fs::read(file).and_then(|text| Recording::read(&text));
    read.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))
}

fn write(arguments: &Generate, out: &mut impl Write) -> io::Result<()> {
    let &Generate { what, messages, seed, subjects, bursts, .. } = arguments;
    let subjects_or = |usual: u32| subjects.unwrap_or(usual);
    match what {
        Synthetic::Itch => {
            let stocks = subjects_or(if arguments.flow.is_some() { 200 } else { 8000 }) as usize;
            match (&arguments.flow, &arguments.truth) {
                (Some(flow), _) => recording(flow)?.generate(messages, stocks, out),
                (None, None) => itch::generate(messages, seed, stocks, out),
                (None, Some(truth)) => {
                    let truth = BufWriter::new(File::create(truth)?);
                    itch::generate_with_truth(messages, seed, stocks, out, truth)
                }
            }
            .map(drop)
        }
        Synthetic::Dbn => dbn::generate(messages, seed, subjects_or(200) as usize, out),
        Synthetic::Lobster => lobster::generate(messages, seed, out),
        Synthetic::Mdp3 => {
            let settings = mdp3::Settings {
                messages,
                seed,
                instruments: subjects_or(8),
                ..mdp3::Settings::default()
            };
            mdp3::generate(settings, &Schema::own(), out, |_| {})
        }
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
        // Written by `inject`, which knows labels.
        Synthetic::Case => Ok(()),
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
