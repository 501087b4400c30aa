//! What standard output can show.

use std::io::IsTerminal;

/// Columns where nobody says how many there are.
const USUAL: usize = 100;
/// Less than this is not obeyed: nothing could be drawn.
const LEAST: usize = 40;

/// A terminal, or a file or pipe that is treated like a plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Screen {
    /// Columns of text.
    pub(super) width: usize,
    /// Whether it shows colours, and somebody wants them.
    pub(super) colour: bool,
}

impl Screen {
    /// Looks at standard output; `COLUMNS` and `NO_COLOR` are obeyed.
    pub(super) fn of_stdout() -> Self {
        let out = std::io::stdout();
        let is_terminal = out.is_terminal();
        let said = std::env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
        let seen = || {
            let size = rustix::termios::tcgetwinsize(&out).ok()?;
            Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
        };
        let width = said.or_else(seen).unwrap_or(USUAL).max(LEAST);
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
        Screen { width, colour: is_terminal && !unwanted && !dumb }
    }
}
