//! `[surveillance]`: which patterns take part, with which parameters, and what they take for usual.

use super::{Keys, Written, Wrong};
use crate::failure::Failure;
use crate::usual;
use crate::wiring::parse_date;
use anyhow::Context;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use surveillance::{CorporateAction, Plan};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// `[surveillance.P06]`: a table for each pattern that takes part; and `usual`, a file of usual rates, and
/// `corporate_actions`, in `[surveillance]` itself. Where none is named, every pattern takes part: what watches over patterns and
/// feeds is none.
pub(super) fn plan(tables: Spanned<DeValue<'_>>, written: &Written<'_>) -> Result<Plan, Wrong> {
    let span = tables.span();
    let DeValue::Table(mut tables) = tables.into_inner() else {
        return Err(Wrong::new(span, "patterns stand in [surveillance.NAME] tables"));
    };
    let [usual, actions] = BESIDES.map(|name| tables.remove(name));
    let mut plan = Plan::new();
    let says_something = usual.is_some() || actions.is_some() || !tables.is_empty();
    for (name, table) in tables {
        let DeValue::Table(parameters) = table.get_ref() else {
            return Err(Wrong::new(table.span(), "a pattern is a table of its parameters"));
        };
        let keys = Keys::of(name.span(), parameters);
        let parameters = ValueDeserializer::from(table);
        plan.add(name.get_ref(), parameters).map_err(|error| keys.refused(error))?;
    }
    if says_something && plan.has_no_pattern() {
        plan.add_usual_patterns();
    }
    if let Some(path) = usual {
        let span = path.span();
        let path = written.resolve(&PathBuf::deserialize(ValueDeserializer::from(path))?);
        plan = usual::known(plan, &path).map_err(|wrong| Wrong::new(span, wrong.to_string()))?;
    }
    if let Some(actions) = actions {
        let (span, deserializer) = (actions.span(), ValueDeserializer::from(actions));
        let actions = Vec::<Action>::deserialize(deserializer).map_err(|wrong| {
            Wrong::new(wrong.span().unwrap_or(span), wrong.message().to_string())
        })?;
        plan = plan.minding(actions.into_iter().map(|action| action.0).collect());
    }
    Ok(plan)
}

/// What stands in `[surveillance]` besides patterns.
const BESIDES: [&str; 2] = ["usual", "corporate_actions"];

/// `{ subject = "ACME", date = "2026-03-02" }`, with a venue or for all of them.
#[derive(Deserialize)]
#[serde(try_from = "WrittenAction")]
struct Action(CorporateAction);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAction {
    subject: String,
    venue: Option<String>,
    date: String,
}

impl TryFrom<WrittenAction> for Action {
    type Error = String;

    fn try_from(written: WrittenAction) -> Result<Self, String> {
        let WrittenAction { subject, venue, date } = written;
        Ok(Self(CorporateAction { subject, venue, at: parse_date(&date)? }))
    }
}

/// The patterns of a configuration, to be had with one parameter changed.
pub(crate) struct Patterns {
    path: PathBuf,
    text: String,
}

impl Patterns {
    /// Those of a configuration that can be read; without one, and where it names none, all.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let text =
            path.map(|path| fs::read_to_string(path).with_context(|| path.display().to_string()));
        let (path, text) = (path.unwrap_or(Path::new("")), text.transpose()?.unwrap_or_default());
        Ok(Self { path: path.to_owned(), text })
    }

    /// As they are, but for one parameter. What is wrong with it, if so.
    pub(crate) fn with(&self, changed: Option<(&str, &str, f64)>) -> Result<Plan, String> {
        let (name, parameter, value) = changed.unwrap_or_default();
        let whole = value.fract() == 0.0 && value.abs() < 1e15;
        let line = if whole { format!("{value:.0}") } else { format!("{value:?}") };
        let line = format!("\"{parameter}\" = {line}");
        let all: Vec<_> = surveillance::names().iter().map(|of| format!("[{of}]\n")).collect();
        let all = all.concat();
        let (text, path) = (&*self.text, &*self.path);
        let read = |text| DeTable::parse(text).map_err(|error| error.message().to_string());

        let mut tables = match read(text)?.into_inner().remove("surveillance") {
            Some(tables) => tables,
            None => Spanned::new(0..0, DeValue::Table(read(&all)?.into_inner())),
        };
        if let DeValue::Table(tables) = tables.get_mut() {
            if tables.keys().all(|key| BESIDES.contains(&&**key.get_ref())) {
                tables.extend(read(&all)?.into_inner());
            }
            if changed.is_some() {
                let there: Vec<_> = tables.keys().map(|key| key.get_ref().to_string()).collect();
                let Some(DeValue::Table(parameters)) = tables.get_mut(name).map(Spanned::get_mut)
                else {
                    let there: Vec<_> =
                        there.into_iter().filter(|of| !BESIDES.contains(&&**of)).collect();
                    return Err(format!("there is no {name:?}; there are: {}", there.join(", ")));
                };
                parameters.remove(parameter);
                parameters.extend(read(&line)?.into_inner());
            }
        }
        plan(tables, &Written { path, text }).map_err(|wrong| match wrong.hint {
            Some(hint) => format!("{}; did you mean `{hint}`?", wrong.what),
            None => wrong.what,
        })
    }
}
