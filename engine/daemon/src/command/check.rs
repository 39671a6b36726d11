//! `tapewatch check`: is this configuration valid, and what does it say?

use crate::cli::Check;
use crate::config::Config;
use crate::failure::Failure;
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
    let Config { feeds, roster, sinks, .. } = config;
    let formats = feeds
        .iter()
        .map(|feed| session::open_feed(feed).map(|opened| opened.format()))
        .collect::<Result<Vec<_>, _>>()?;
    sinks.iter().try_for_each(|sink| session::check_sink(sink, &feeds))?;
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
            "feeds": feeds.iter().map(|feed| feed.path.display().to_string()).collect::<Vec<_>>(),
            "observers": observers.iter().map(|of| observer(&**of)).collect::<Vec<_>>(),
            "sinks": sinks.len(),
        });
        return print(format_args!("{checked}\n"));
    }
    let mut rows = vec![("topology", Laid(&plan).to_string())];
    rows.extend(
        feeds
            .iter()
            .zip(formats)
            .map(|(feed, format)| ("feed", format!("{} ({format})", feed.path.display()))),
    );
    rows.extend(observers.iter().map(|of| ("observer", of.parameters().to_string())));
    rows.extend(sinks.map(|sink| ("sink", sink)));
    if feeds.is_empty() {
        rows.push(("feed", "none, so this is only for replay --config".to_string()));
    }
    let mut told = format!("{path} is valid\n");
    for (name, value) in rows {
        writeln!(told, "  {name:<10}{value}").expect("a string takes everything");
    }
    print(told)
}
