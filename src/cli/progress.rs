//! Tells a person how far long work has come: a bar that is drawn anew on a terminal, a line now and
//! then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a terminal is drawn anew.
const DRAWN: Duration = Duration::from_millis(100);
/// How often a line is written elsewhere.
const WRITTEN: Duration = Duration::from_secs(10);
const WIDTH: u64 = 30;

/// The progress of one work.
pub(crate) struct Progress {
    what: String,
    total: u64,
    done: u64,
    /// Done by an earlier run, so that the speed of this one is told.
    before: u64,
    note: String,
    began: Instant,
    told: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// Begins work of `total` units, of which `before` were done by an earlier run.
    pub(crate) fn new(what: &str, total: u64, before: u64) -> Self {
        Progress {
            what: what.to_owned(),
            total,
            done: before,
            before,
            note: String::new(),
            began: Instant::now(),
            told: None,
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Says that `done` units are done, and a few words more.
    pub(crate) fn set(&mut self, done: u64, note: String) {
        self.done = done;
        self.note = note;
        let pause = if self.is_terminal { DRAWN } else { WRITTEN };
        let due = self.told.map_or(self.is_terminal, |told| told.elapsed() >= pause);
        if due {
            self.tell();
        } else if self.told.is_none() {
            self.told = Some(Instant::now());
        }
    }

    /// Ends the bar, so that other words can follow.
    pub(crate) fn end(&mut self) {
        if self.is_terminal && self.told.is_some() {
            self.tell();
            let _ = writeln!(std::io::stderr());
        }
    }

    fn tell(&mut self) {
        self.told = Some(Instant::now());
        let line = line(&self.what, self.done, self.total, &self.note, self.left());
        // When standard error is closed, the exit code still tells.
        let _ = match self.is_terminal {
            true => write!(std::io::stderr(), "\r\x1b[2K{line}"),
            false => writeln!(std::io::stderr(), "{line}"),
        };
        let _ = std::io::stderr().flush();
    }

    /// Estimates how long the rest takes.
    fn left(&self) -> Option<Duration> {
        let done = self.done.checked_sub(self.before).filter(|done| *done > 0)?;
        let rest = self.total.saturating_sub(self.done) as f64 / done as f64;
        let seconds = self.began.elapsed().as_secs_f64() * rest;
        (seconds < 1e7).then(|| Duration::from_secs(seconds.ceil() as u64))
    }
}

fn line(what: &str, done: u64, total: u64, note: &str, left: Option<Duration>) -> String {
    let total = total.max(1);
    let done = done.min(total);
    let share = |units: u64| (u128::from(done) * u128::from(units) / u128::from(total)) as u64;
    let full = share(WIDTH) as usize;
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH as usize - full));
    let left = match left {
        Some(left) if done < total => {
            format!("  {}:{:02} left", left.as_secs() / 60, left.as_secs() % 60)
        }
        _ => String::new(),
    };
    format!("{what} [{bar}] {:3} %  {note}{left}", share(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_and_never_over_its_end() {
        let half = line("import", 50, 100, "7 samples", Some(Duration::from_secs(75)));
        assert_eq!(half, "import [###############...............]  50 %  7 samples  1:15 left");
        assert!(line("x", 9, 3, "", None).contains("100 %"));
        assert!(line("x", 0, 0, "", None).contains("  0 %"));
    }
}
