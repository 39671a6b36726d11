//! `tapewatch check`: is this configuration valid, and what does it say?

use crate::cli::Check;
use crate::config::Config;
use crate::failure::Failure;
use crate::wiring::Machine;
use engine_observer::Watcher;
use feeds::{AnyFeed, Merged};
use serde_json::json;

pub(crate) fn run(arguments: &Check) -> Result<(), Failure> {
    let Config { machine, feeds, roster, sinks, .. } = Config::read(&arguments.config)?;
    let plan = Machine::plan::<Merged<AnyFeed>>(&machine, false)?;
    for feed in &feeds {
        feeds::open(&feed.path, &feed.options)?;
    }
    let observers = roster.all();
    if arguments.json {
        let observer = |of: &dyn Watcher| {
            let parameters = of.parameters();
            json!({"name": of.name(), "parameters": parameters.to_string(), "hash": format!("{:016x}", parameters.hash())})
        };
        let checked = json!({
            "valid": true,
            "topology": plan.to_string(),
            "feeds": feeds.iter().map(|feed| feed.path.display().to_string()).collect::<Vec<_>>(),
            "observers": observers.iter().map(|of| observer(&**of)).collect::<Vec<_>>(),
            "sinks": sinks.len(),
        });
        println!("{checked}");
        return Ok(());
    }
    println!("{} is valid", arguments.config.display());
    println!("  topology  {plan}");
    for feed in &feeds {
        println!("  feed      {}", feed.path.display());
    }
    for observer in &observers {
        println!("  observer  {}", observer.parameters());
    }
    println!("  sinks     {}", sinks.len());
    Ok(())
}
