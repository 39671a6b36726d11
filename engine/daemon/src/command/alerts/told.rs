//! An alert as it was written: the text itself, and what it says.

use crate::failure::Failure;
use crate::journaling::Standing;
use anyhow::{Context, anyhow};
use engine_journal::{Reach, RealDisk, is_journal};
use engine_observer::evidence::{Condition, Limit};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::marker::PhantomData;
use std::path::Path;

/// A record's number in the log, and whether that calls it final.
type Number = Option<(u64, bool)>;

/// An alert that was found by its id.
pub(super) struct Found {
    /// Its number in the log, and whether that calls it final; none where there is no log.
    pub(super) logged: Number,
    /// As it was written.
    pub(super) text: String,
    pub(super) alert: Told,
}

/// What an alert says.
#[derive(serde::Deserialize)]
pub(super) struct Told {
    pub(super) pattern: String,
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) venue: String,
    pub(super) participants: Vec<String>,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    pub(super) first_event_at: u64,
    pub(super) last_event_at: u64,
    pub(super) raised_at: u64,
    pub(super) seq: u64,
    pub(super) score: f64,
    pub(super) severity: String,
    pub(super) degraded: Vec<String>,
    pub(super) episodes: u32,
    pub(super) features: InOrder<Measured>,
    #[serde(default)]
    pub(super) conditions: InOrder<Tested>,
    #[serde(default)]
    pub(super) exclusions: InOrder<Tested>,
    pub(super) counterfactual: Option<Counterfactual>,
    #[serde(default)]
    pub(super) orders: Vec<Order>,
    #[serde(default)]
    pub(super) links: Vec<Link>,
    pub(super) parameters: String,
}

#[derive(serde::Deserialize)]
pub(super) struct Measured {
    pub(super) value: Option<f64>,
    pub(super) weight: f64,
    #[serde(default)]
    pub(super) contribution: f64,
}

/// A value that is no number is not told.
#[derive(serde::Deserialize)]
pub(super) struct Tested {
    pub(super) value: Option<f64>,
    pub(super) at_least: Option<f64>,
    pub(super) at_most: Option<f64>,
}

impl Tested {
    /// How far it is from its limit, as a share of the larger of both; none where it is a matter of yes or no.
    pub(super) fn spare(&self) -> Option<f64> {
        let value = self.value?;
        let least = self.at_least.map(Limit::AtLeast);
        let limit = least.or(self.at_most.map(Limit::AtMost))?;
        let condition = Condition { name: "", value, limit };
        (!condition.is_yes_or_no()).then(|| condition.margin())
    }
}

#[derive(serde::Deserialize)]
pub(super) struct Counterfactual {
    pub(super) condition: String,
    pub(super) value: f64,
    pub(super) limit: f64,
    pub(super) change: f64,
}

/// An order, or a trade, and its part in the matter.
#[derive(serde::Deserialize)]
pub(super) struct Order {
    pub(super) part: String,
    pub(super) order: u64,
    pub(super) seq: u64,
}

/// Who is taken to act with the participant.
#[derive(serde::Deserialize)]
pub(super) struct Link {
    pub(super) account: String,
    pub(super) confidence: f64,
    pub(super) by: String,
}

/// An object's members in the order in which they stand.
pub(super) struct InOrder<T>(pub(super) Vec<(String, T)>);

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = InOrder<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<InOrder<T>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = from.next_entry()? {
                    members.push(member);
                }
                Ok(InOrder(members))
            }
        }
        from.deserialize_map(Members(PhantomData))
    }
}

/// Refuses a folder in which there is no journal.
pub(super) fn check_journal(folder: &Path) -> Result<(), Failure> {
    if is_journal(folder) {
        return Ok(());
    }
    Err(Failure::data(anyhow!("{}: there is no journal", folder.display())))
}

/// The texts of a journal's alerts that were not withdrawn, with their numbers and whether they are final.
pub(super) fn logged(folder: &Path) -> Result<Vec<(u64, bool, String)>, Failure> {
    check_journal(folder)?;
    let mut texts = std::collections::HashMap::new();
    let standing = Standing::read(RealDisk::open(Reach::Cache), folder, |logged, text| {
        texts.insert(logged.number, String::from_utf8_lossy(text).into_owned());
    });
    let standing = standing.map_err(Failure::data)?;
    let text = |number| texts.remove(&number).unwrap_or_default();
    let mut text = text;
    Ok(standing.logged.iter().map(|one| (one.number, one.is_final, text(one.number))).collect())
}

impl Found {
    /// The alert of a journal's log whose id begins like this.
    pub(super) fn in_journal(folder: &Path, id: &str) -> Result<Self, Failure> {
        let logged = logged(folder)?.into_iter();
        Self::find(
            id,
            folder,
            logged.map(|(number, is_final, text)| (Some((number, is_final)), text)),
        )
    }

    /// The same in a file of findings.
    pub(super) fn in_findings(file: &Path, id: &str) -> Result<Self, Failure> {
        let shown = || file.display().to_string();
        let lines = BufReader::new(File::open(file).with_context(shown)?).lines();
        let mut alerts = Vec::new();
        for line in lines {
            let line = line.with_context(shown)?;
            if line.starts_with("{\"kind\":\"alert\"") {
                alerts.push((None, line));
            }
        }
        Self::find(id, file, alerts.into_iter())
    }

    fn find(
        id: &str,
        place: &Path,
        all: impl Iterator<Item = (Number, String)>,
    ) -> Result<Self, Failure> {
        let place = place.display();
        let id = id.to_ascii_lowercase();
        let mut found: Vec<(String, Number, String)> = all
            .filter_map(|(logged, text)| Some((id_of(&text)?.to_string(), logged, text)))
            .filter(|(own, ..)| own.starts_with(&id))
            .collect();
        // An alert that was told again is the same one.
        found.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        found.dedup_by(|(one, ..), (other, ..)| one == other);
        if let [_, _, ..] = &found[..] {
            let ids: Vec<_> = found.iter().take(4).map(|(own, ..)| own.as_str()).collect();
            let (count, ids) = (found.len(), ids.join(", "));
            let more = if count > 4 { ", …" } else { "" };
            return Err(Failure::data(anyhow!(
                "{place}: {count} alerts begin with {id}: {ids}{more}"
            )));
        }
        let Some((_, logged, text)) = found.pop() else {
            return Err(Failure::data(anyhow!("{place}: there is no alert {id}")));
        };
        let alert = serde_json::from_str(&text).map_err(|error| {
            Failure::data(anyhow!("{place}: alert {id} cannot be read: {error}"))
        })?;
        Ok(Self { logged, text, alert })
    }
}

/// An alert's id, without reading all of it.
fn id_of(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("\"id\":\"")?;
    behind.split_once('"').map(|(id, _)| id)
}
