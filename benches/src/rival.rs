//! Somebody else's program, run as a contestant. The bench builds nothing: it is given a command.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A program that reads the file that we read.
#[derive(Clone, Debug)]
pub struct Rival {
    /// What it is called in the results.
    pub name: &'static str,
    command: String,
}

impl Rival {
    /// From `NAME=COMMAND`, in which `{file}` stands for the file and `{messages}` for how many it holds.
    ///
    /// # Panics
    /// If there is no `=` in it: a bench can only stop.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let (name, command) = text.split_once('=').expect("--peer takes NAME=COMMAND");
        // Names live as long as the bench, and there are few of them.
        Self { name: Box::leak(name.to_owned().into_boxed_str()), command: command.to_owned() }
    }

    /// Runs it once and gives its nanoseconds for each message: the last number that it prints, or if it
    /// prints none, the time that it took over `messages`.
    ///
    /// # Panics
    /// If it cannot be run or fails.
    #[must_use]
    pub fn run(&self, file: &Path, messages: u64) -> Vec<f64> {
        let command = self.command.replace("{file}", &file.display().to_string());
        let command = command.replace("{messages}", &messages.to_string());
        let start = Instant::now();
        let output = Command::new("sh").args(["-c", &command]).output().expect("a shell");
        let spent = start.elapsed();
        assert!(output.status.success(), "{command}: {}", output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        vec![last_number(&text).unwrap_or(spent.as_nanos() as f64 / messages as f64)]
    }
}

fn last_number(text: &str) -> Option<f64> {
    text.split_whitespace().rev().find_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_tells_its_figure_or_is_timed() {
        let told = Rival::new("a=echo 10 messages in {file}, 61.25 ns each");
        assert_eq!((told.name, told.run(Path::new("x"), 1)), ("a", vec![61.25]));
        let asked = Rival::new("c=echo {messages}");
        assert_eq!(asked.run(Path::new("x"), 7), [7.0]);
        let timed = Rival::new("b=sleep 0.05 && echo done").run(Path::new("x"), 2)[0];
        assert!(timed >= 25e6, "{timed}");
    }
}
