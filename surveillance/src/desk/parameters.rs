//! Parameters of patterns: each with its unit, default, bounds and origin, told once.

use engine_observer::Parameters;
use engine_observer::idea::Invalid;

/// One parameter of a pattern.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Parameter {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// What it is counted in; empty for bare numbers.
    pub unit: &'static str,
    /// What it is if nobody says otherwise.
    pub default: f64,
    /// The least that it may be.
    pub least: f64,
    /// The most that it may be.
    pub most: f64,
    /// Where the default comes from.
    pub origin: Origin,
}

/// Where a default comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A regulation says so.
    Regulation,
    /// A published paper, or a document of a vendor or a regulator.
    Published,
    /// An enforcement case.
    Case,
    /// Measured on real flow.
    Measured,
    /// Judgement: to be calibrated.
    Judgement,
}

impl Origin {
    /// Its word.
    pub fn word(self) -> &'static str {
        ["regulation", "published", "case", "measured", "judgement"][self as usize]
    }
}

/// A value that is parameters.
pub trait Parameterised: Clone + Default + Send + Sync + 'static {
    /// The pattern's name in findings and configuration: `P01`.
    const NAME: &'static str;
    /// Every parameter.
    const PARAMETERS: &'static [Parameter];

    /// Where and when some have other values.
    fn rules(&self) -> &[super::rules::Rule];
    /// Whether each lies within its bounds.
    fn validate(&self) -> Result<(), Invalid>;
    /// Tells each with its value.
    fn tell(&self, to: &mut Parameters);
    /// Sets one by its name; no, if there is none of this name.
    fn set(&mut self, name: &str, value: f64) -> bool;
}

/// Parameters as a struct:
///
/// ```text
/// parameters! {
///     /// The detector.
///     pub struct Layering = "P01" {
///         /// Displayed quantity for each unit that was filled.
///         size_ratio_min: f64 = 5.0, 1.0..=1000.0, "×", Judgement;
///     }
/// }
/// ```
macro_rules! parameters {
    (
        $(#[$about:meta])*
        pub struct $struct:ident = $pattern:literal {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ident = $default:literal, $least:literal..=$most:literal, $unit:literal, $origin:ident;
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Debug, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $struct {
            $($(#[doc = $doc])+ pub $name: $type,)*
            /// Where and when some of these have other values.
            #[serde(rename = "where")]
            pub rules: Vec<$crate::desk::rules::Rule>,
        }

        impl Default for $struct {
            fn default() -> Self {
                Self { $($name: $default,)* rules: Vec::new() }
            }
        }

        impl $crate::desk::parameters::Parameterised for $struct {
            const NAME: &'static str = $pattern;
            const PARAMETERS: &'static [$crate::desk::parameters::Parameter] = &[
                $($crate::desk::parameters::Parameter {
                    name: stringify!($name),
                    about: concat!($($doc),+),
                    unit: $unit,
                    default: $default as f64,
                    least: $least as f64,
                    most: $most as f64,
                    origin: $crate::desk::parameters::Origin::$origin,
                },)*
            ];

            fn rules(&self) -> &[$crate::desk::rules::Rule] {
                &self.rules
            }

            fn validate(&self) -> Result<(), engine_observer::idea::Invalid> {
                $(engine_observer::idea::within(stringify!($name), self.$name, $least..=$most)?;)*
                Ok(())
            }

            fn tell(&self, to: &mut engine_observer::Parameters) {
                $(to.set(stringify!($name), self.$name);)*
                let rules: Vec<_> = self.rules.iter().map(|rule| rule.to_string()).collect();
                to.set("where", rules.join(";"));
            }

            fn set(&mut self, name: &str, value: f64) -> bool {
                match name {
                    $(stringify!($name) => self.$name = value as $type,)*
                    _ => return false,
                }
                true
            }
        }
    };
}
pub(crate) use parameters;
