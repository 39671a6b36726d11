//! `tapewatch check`: is this configuration valid, and what does it say?

use crate::cli::Check;
use crate::config::{Config, Feed, Origin};
use crate::failure::Failure;
use crate::intervals;
use crate::output::print;
use crate::session;
use crate::wiring::Laid;
use engine_observer::Watcher;
use serde_json::json;
use std::fmt::Write;

pub(crate) fn run(arguments: &Check) -> Result<(), Failure> {
    let config = Config::read(&arguments.config)?;
    let path = arguments.config.display();
    let plan = session::plan(&config)
        .map_err(|wrong| Failure::usage(wrong).configured_at(&path.to_string()))?;
    let Config { feeds, roster, sinks, latencies, api, .. } = config;
    let told = feeds.iter().map(tell_feed).collect::<Result<Vec<_>, _>>()?;
    sinks.iter().try_for_each(|sink| session::check_sink(sink, &feeds))?;
    if let Some(hlog) = &latencies.hlog {
        intervals::check(hlog, &feeds, &sinks)?;
    }
    let observers = roster.all();
    let sinks = sinks.iter().map(|sink| match &sink.path {
        Some(path) => path.display().to_string(),
        None => "standard output".to_string(),
    });
    if arguments.json {
        let observer = |of: &dyn Watcher| {
            let parameters = of.parameters();
            json!({"name": of.name(), "parameters": parameters.to_string(), "hash": format!("{:016x}", parameters.hash())})
        };
        let checked = json!({
            "valid": true,
            "topology": Laid(&plan).to_string(),
            "feeds": told.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "observers": observers.iter().map(|of| observer(&**of)).collect::<Vec<_>>(),
            "sinks": sinks.len(),
            "api": api.as_ref().map(|api| api.listen.to_string()),
            "hlog": latencies.hlog.as_ref().map(|hlog| hlog.path.display().to_string()),
        });
        return print(format_args!("{checked}\n"));
    }
    let mut rows = vec![("topology", Laid(&plan).to_string())];
    rows.extend(told.iter().map(|(name, format)| ("feed", format!("{name} ({format})"))));
    rows.extend(observers.iter().map(|of| ("observer", of.parameters().to_string())));
    rows.extend(sinks.map(|sink| ("sink", sink)));
    if let Some(hlog) = &latencies.hlog {
        let every = latencies.interval.as_millis();
        rows.push(("latencies", format!("{}, every {every} ms", hlog.path.display())));
    }
    if let Some(api) = &api {
        rows.push(("api", format!("http://{}", api.listen)));
    }
    if feeds.is_empty() {
        rows.push(("feed", "none, so this is only for replay --config".to_string()));
    }
    let mut told = format!("{path} is valid\n");
    for (name, value) in rows {
        writeln!(told, "  {name:<10}{value}").expect("a string takes everything");
    }
    print(told)
}

/// A feed's name and format. Files are opened; sockets are not, for a run may be using them.
fn tell_feed(feed: &Feed) -> Result<(String, String), Failure> {
    match &feed.origin {
        Origin::File(path) => {
            let opened = session::open_file(feed)?;
            Ok((path.display().to_string(), opened.format().to_string()))
        }
        Origin::Udp(protocol, listen) => {
            session::check_recording(feed, listen)?;
            let lines: Vec<_> = listen.lines.iter().map(ToString::to_string).collect();
            Ok((format!("udp {}", lines.join(", ")), protocol.to_string()))
        }
    }
}
