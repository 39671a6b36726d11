//! How ideas get their parameters: by name, from whatever the configuration is written in.

use crate::{Observer, Roster};
use serde::Deserializer;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::ops::RangeInclusive;
use thiserror::Error;

/// An observer whose fields are its parameters: each has a default, no other is understood.
pub trait Idea: Observer + Sync + Default + DeserializeOwned {
    /// Its name in findings and configuration.
    const NAME: &'static str;

    /// Whether every parameter lies within its bounds.
    fn validate(&self) -> Result<(), Invalid>;
}

/// A parameter outside its bounds.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{name} = {value}, wanted {wanted}")]
pub struct Invalid {
    /// Which.
    pub name: &'static str,
    /// What it was.
    pub value: String,
    /// What it may be.
    pub wanted: String,
}

/// Why an idea does not take part.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Refused<E> {
    /// Nobody has this name.
    #[error("there is no {name:?}; there are: {}", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// The parameters could not be read: the deserializer's own words.
    #[error("{0}")]
    Unreadable(E),
    /// A parameter is outside its bounds.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Reads an idea's parameters and adds it to the roster.
pub fn add<'de, I: Idea, D: Deserializer<'de>>(
    roster: &mut Roster,
    parameters: D,
) -> Result<(), Refused<D::Error>> {
    roster.add(read::<I, D>(parameters)?);
    Ok(())
}

/// Reads an idea's parameters and checks them.
pub fn read<'de, I: Idea, D: Deserializer<'de>>(parameters: D) -> Result<I, Refused<D::Error>> {
    let idea = I::deserialize(parameters).map_err(Refused::Unreadable)?;
    idea.validate()?;
    Ok(idea)
}

/// Refuses a value outside its bounds, and one that is not a number.
pub fn within<T: PartialOrd + Display + Copy>(
    name: &'static str,
    value: T,
    bounds: RangeInclusive<T>,
) -> Result<(), Invalid> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let wanted = format!("{} to {}", bounds.start(), bounds.end());
    Err(Invalid { name, value: value.to_string(), wanted })
}
