//! `tapewatch patterns`: what there is to find, and by which parameters.

use crate::failure::Failure;
use crate::output::print;
use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use surveillance::desk::parameters::Parameter;
use surveillance::{Plan, about, names, parameters_of};

#[derive(Args)]
pub(crate) struct Patterns {
    /// Only this one, with its parameters (P01)
    pub(crate) name: Option<String>,
    /// Print everything as one JSON object, with all parameters
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Patterns) -> Result<(), Failure> {
    let mut wanted = names();
    if let Some(name) = &arguments.name {
        wanted.retain(|of| of == name);
        if wanted.is_empty() {
            let known = names().join(", ");
            let what = anyhow!("there is no pattern {name:?}; there are: {known}");
            return Err(Failure::usage(what));
        }
    }
    if arguments.json {
        let all: Vec<_> = wanted.iter().map(|name| as_json(name)).collect();
        return print(format_args!("{}\n", json!({ "patterns": all })));
    }
    let mut text = String::new();
    match (&arguments.name, &*wanted) {
        (Some(_), [name]) => tell_one(name, &mut text),
        _ => wanted.iter().for_each(|name| tell_in_a_line(name, &mut text)),
    }
    print(text)
}

/// Title and sentence.
fn words(name: &str) -> (&'static str, &'static str) {
    about(name).map_or(("", ""), |about| (about.title, about.sentence))
}

/// Parameters by name and default, where more is not told.
fn defaults(name: &str) -> Vec<(String, String)> {
    let all = Plan::usual().parameters();
    let Some((_, own)) = all.into_iter().find(|(of, _)| *of == name) else { return Vec::new() };
    let own = own.to_string();
    let each = own.split_whitespace().filter_map(|word| word.split_once('='));
    each.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn as_json(name: &str) -> Value {
    let (title, sentence) = words(name);
    let parameter = |of: &Parameter| {
        json!({
            "name": of.name,
            "about": of.about.trim(),
            "unit": of.unit,
            "default": of.default,
            "least": of.least,
            "most": of.most,
            "origin": of.origin.word(),
        })
    };
    let parameters: Vec<Value> = match parameters_of(name) {
        Some(parameters) => parameters.iter().map(parameter).collect(),
        None => {
            let number = |text: &str| text.parse::<f64>().map_or(json!(null), |of| json!(of));
            let each = defaults(name).into_iter();
            each.map(|(name, value)| json!({ "name": name, "default": number(&value) })).collect()
        }
    };
    json!({ "name": name, "title": title, "sentence": sentence, "parameters": parameters })
}

fn tell_in_a_line(name: &str, text: &mut String) {
    let (title, sentence) = words(name);
    let _ = writeln!(text, "{name:<14} {title}\n{:<14} {sentence}", "");
}

fn tell_one(name: &str, text: &mut String) {
    let (title, sentence) = words(name);
    let _ = writeln!(text, "{name}  {title}\n{sentence}\n");
    let Some(parameters) = parameters_of(name) else {
        for (name, value) in defaults(name) {
            let _ = writeln!(text, "  {name:<28} {value}");
        }
        return;
    };
    for of in parameters {
        let unit = if of.unit.is_empty() { String::new() } else { format!(" {}", of.unit) };
        let value = format!("{}{unit}", of.default);
        let (least, most, origin) = (of.least, of.most, of.origin.word());
        let _ = writeln!(text, "  {:<28} {value:<12} {least} to {most}, {origin}", of.name);
        let _ = writeln!(text, "  {:<28} {}", "", of.about.trim());
    }
}
