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
        let mut options = Self::default();
        for arg in std::env::args().skip(1) {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                "--bench" | "--test" => {} // cargo says which command started us
                other => {
                    eprintln!("unknown argument `{other}`: there are --quick and --json");
                    std::process::exit(2);
                }
            }
        }
        options
    }

    /// `full`, or `quick` if asked to be quick.
    pub fn choose<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}
