//! What every bench understands on its command line.

/// How a bench was asked to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Only show that it runs: few iterations, one round.
    pub quick: bool,
    /// Print one JSON document and nothing else.
    pub json: bool,
}

impl Options {
    /// Reads the command line; leaves with a message if it says anything else.
    #[must_use]
    pub fn from_args() -> Self {
        Self::with_settings(&[]).0
    }

    /// The same for a bench that has settings of its own, each a flag with a value. Gives those that are
    /// there, in their order.
    #[must_use]
    pub fn with_settings(known: &[&'static str]) -> (Self, Vec<(&'static str, String)>) {
        let (mut options, mut settings) = (Self::default(), Vec::new());
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                "--bench" | "--test" => {} // cargo says which command started us
                other => match known.iter().find(|flag| **flag == other).zip(args.next()) {
                    Some((flag, value)) => settings.push((*flag, value)),
                    None => refuse(other, known),
                },
            }
        }
        (options, settings)
    }

    /// `full`, or `quick` if asked to be quick.
    pub fn choose<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn refuse(argument: &str, known: &[&str]) -> ! {
    let own: String = known.iter().map(|flag| format!(", {flag} VALUE")).collect();
    eprintln!("`{argument}`: there are --quick, --json{own}");
    std::process::exit(2);
}
