//! Draws on a terminal: lines of braille dots and bars of blocks, between axes.
//!
//! In: numbers and times. Out: text of at most the screen's width. What is drawn is chosen by the
//! caller; what cannot be drawn (no finite value) is left out here and counted by the caller.

use crate::cli::query::screen::Screen;
use crate::cli::query::text::{columns, cut, number, plain};
use crate::cli::query::times::{Span, clock};

/// Rows of text of a plot.
const HEIGHT: usize = 14;
/// Colours of lines that can be read on light and dark ground, as codes of ANSI.
const COLOURS: [u8; 8] = [36, 33, 35, 32, 34, 31, 96, 95];
/// Distances between marks on the axis of time, milliseconds.
const TICKS_MS: [i64; 20] = [
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    1_209_600_000,
    2_592_000_000,
    7_776_000_000,
];
/// Parts of a cell that are filled from below.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const DAY_MS: i64 = 86_400_000;
/// Columns that a mark on the axis of time has to itself.
const TICK_COLUMNS: i64 = 16;

/// One line of a plot, its points in the order of time.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: String,
    /// Epoch milliseconds and finite values.
    pub(super) points: Vec<(i64, f64)>,
}

/// The numbers that the axis of values reaches over, and the distance of its marks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
    tick: f64,
}

impl Scale {
    /// Chooses round ends around all values; zero belongs to it unless the values lie far away.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let mut low = values.clone().fold(f64::INFINITY, f64::min);
        let mut high = values.fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if low >= 0.0 && low <= high / 2.0 {
            low = 0.0;
        }
        if high <= 0.0 && high >= low / 2.0 {
            high = 0.0;
        }
        if low == high {
            let around = low.abs() / 10.0;
            (low, high) = if low == 0.0 { (0.0, 1.0) } else { (low - around, high + around) };
        }
        // Halves, so that the largest numbers there are do not overflow.
        let rough = (high / 4.0 - low / 4.0).max(f64::MIN_POSITIVE);
        let power = 10_f64.powf(rough.log10().floor());
        let tick = [1.0, 2.0, 5.0].map(|it| it * power).into_iter().find(|it| *it >= rough * 0.999);
        let tick = tick.unwrap_or(10.0 * power);
        let ends = ((low / tick).floor() * tick, (high / tick).ceil() * tick);
        Scale { low: ends.0.max(f64::MIN), high: ends.1.min(f64::MAX), tick }
    }

    /// Returns how far below the top a value lies, in parts of `parts - 1`.
    fn row(&self, value: f64, parts: usize) -> usize {
        let whole = self.high / 2.0 - self.low / 2.0;
        let share = (self.high / 2.0 - value / 2.0) / whole;
        (share * (parts - 1) as f64).round().clamp(0.0, (parts - 1) as f64) as usize
    }

    /// Returns the words beside the rows that a mark falls on.
    fn labels(&self) -> Vec<String> {
        let mut labels = vec![String::new(); HEIGHT];
        let count = ((self.high / self.tick) - (self.low / self.tick)).round().clamp(0.0, 12.0);
        for index in 0..=count as usize {
            let value = (self.low + index as f64 * self.tick).min(self.high);
            // What is left of a sum that should be zero.
            let value = if value.abs() < self.tick / 1e6 { 0.0 } else { value };
            labels[self.row(value, HEIGHT)] = short(value);
        }
        labels
    }
}

/// Writes a round number of an axis with a metric suffix.
fn short(value: f64) -> String {
    const SUFFIXES: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];
    let size = value.abs();
    match SUFFIXES.iter().find(|(scale, _)| size >= *scale && size < 1e15) {
        Some((1e4, suffix)) => format!("{}{suffix}", number(value / 1e3)),
        Some((scale, suffix)) => format!("{}{suffix}", number(value / scale)),
        None => number(value),
    }
}

/// Draws lines; a point that comes later than one and a half steps after the last begins anew.
pub(super) fn lines(lines: &[Line], span: Span, step_ms: i64, screen: Screen) -> String {
    let values = lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let scale = Scale::of(values);
    let (margin, width) = room(&scale, screen);
    let mut canvas = Canvas::new(width);
    let spot = |(at, value): (i64, f64)| {
        let share = (at - span.start.0) as f64 / span.length_ms().max(1) as f64;
        let last = (width * 2 - 1) as f64;
        ((share * last).round().clamp(0.0, last) as usize, scale.row(value, HEIGHT * 4))
    };
    // The first is drawn last: it lies on top.
    for (owner, line) in lines.iter().enumerate().rev() {
        let mut before: Option<(i64, f64)> = None;
        for point in &line.points {
            let near = before.filter(|(at, _)| point.0 - at <= step_ms.saturating_add(step_ms / 2));
            canvas.stroke(spot(near.unwrap_or(*point)), spot(*point), owner);
            before = Some(*point);
        }
    }
    let lettered = !screen.colour && lines.len() > 1;
    let plot = (0..HEIGHT).map(|row| canvas.row(row, lines.len(), screen.colour, lettered));
    let mut out = frame(plot, &scale, (span.start.0, span.end.0), (margin, width));
    for (owner, line) in lines.iter().enumerate() {
        let mark = match (screen.colour, lettered) {
            (true, _) => coloured(owner, "━━"),
            (false, true) => letter(owner).to_string(),
            (false, false) => "━━".to_owned(),
        };
        let last = line.points.last().map(|(_, value)| number(*value)).unwrap_or_default();
        let name = cut(&plain(&line.name), screen.width.saturating_sub(last.len() + 11));
        out.push_str(&format!("{mark} {name}  last {last}\n"));
    }
    out
}

/// Draws counts as bars, the first of which begins at `start_ms`; each stands for `width_ms`.
pub(super) fn bars(counts: &[u64], start_ms: i64, width_ms: i64, screen: Screen) -> String {
    let scale = Scale::of(counts.iter().map(|count| *count as f64).chain([0.0]));
    let (margin, room) = room(&scale, screen);
    let wide = (room / counts.len().max(1)).max(1);
    let width = wide * counts.len();
    let plot = (0..HEIGHT).map(|row| {
        let below = (HEIGHT - 1 - row) * 8;
        let cell = |count: &u64| {
            let parts = *count as f64 / scale.high * (HEIGHT * 8) as f64;
            // One record is seen, however many others there are.
            let parts = if *count > 0 { (parts.round() as usize).max(1) } else { 0 };
            match parts.saturating_sub(below) {
                0 => ' ',
                some => BLOCKS[some.min(8) - 1],
            }
        };
        counts.iter().map(|count| cell(count).to_string().repeat(wide)).collect()
    });
    let end_ms = start_ms.saturating_add(width_ms.saturating_mul(counts.len() as i64));
    frame(plot, &scale, (start_ms, end_ms), (margin, width))
}

/// Draws values as one row of blocks, `None` as a gap.
pub(super) fn sparkline(values: &[Option<f64>]) -> String {
    let known = values.iter().flatten().copied();
    let low = known.clone().fold(f64::INFINITY, f64::min);
    let high = known.fold(f64::NEG_INFINITY, f64::max);
    let block = |value: f64| match high > low {
        true => {
            BLOCKS[((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) * 7.0).round() as usize]
        }
        false => BLOCKS[3],
    };
    values.iter().map(|value| value.map_or(' ', block)).collect()
}

/// Returns the columns of the words beside the plot, and those of the plot.
fn room(scale: &Scale, screen: Screen) -> (usize, usize) {
    let margin = scale.labels().iter().map(|label| columns(label)).max().unwrap_or(0) + 1;
    (margin, screen.width.saturating_sub(margin + 2).clamp(16, 240))
}

/// Puts axes around rows of a plot.
fn frame(
    plot: impl Iterator<Item = String>,
    scale: &Scale,
    (start_ms, end_ms): (i64, i64),
    (margin, width): (usize, usize),
) -> String {
    let mut out = String::new();
    for (row, label) in plot.zip(scale.labels()) {
        let edge = if label.is_empty() { '│' } else { '┤' };
        out.push_str(format!("{label:>margin$}{edge}{row}").trim_end());
        out.push('\n');
    }
    let length = (end_ms - start_ms).max(1);
    let most = (width as i64 / TICK_COLUMNS).max(1);
    let fits = TICKS_MS.into_iter().find(|tick| length / tick <= most);
    let tick = fits.unwrap_or_else(|| (length / most / DAY_MS + 1) * DAY_MS);
    let pattern = match (tick, length) {
        (tick, _) if tick >= DAY_MS => "%Y-%m-%d",
        (_, length) if length > DAY_MS => "%m-%d %H:%M",
        (tick, _) if tick >= 60_000 => "%H:%M",
        _ => "%H:%M:%S",
    };
    let mut axis = vec!['─'; width];
    let mut words = String::new();
    let mut at = start_ms.div_euclid(tick) * tick;
    while at <= end_ms {
        if at >= start_ms {
            let column = ((at - start_ms) as f64 / length as f64 * (width - 1) as f64) as usize;
            let word = clock(pattern, at);
            let begin = (margin + 1 + column).saturating_sub(word.len() / 2);
            if begin >= words.len() + usize::from(!words.is_empty()) {
                axis[column] = '┬';
                words.push_str(&" ".repeat(begin - words.len()));
                words.push_str(&word);
            }
        }
        at += tick;
    }
    let axis: String = axis.into_iter().collect();
    out.push_str(&format!("{:>margin$}└{axis}\n{words} UTC\n", ""));
    out
}

/// Names a line where there are no colours.
fn letter(owner: usize) -> char {
    char::from(b'A' + (owner % 26) as u8)
}

fn coloured(owner: usize, text: &str) -> String {
    format!("\u{1b}[{}m{text}\u{1b}[0m", COLOURS[owner % COLOURS.len()])
}

/// Dots, two by four in a character of braille.
struct Canvas {
    width: usize,
    /// The dots of a cell, and which line drew there last.
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    fn new(width: usize) -> Self {
        Canvas { width, cells: vec![(0, 0); width * HEIGHT] }
    }

    /// Draws a straight line between two dots.
    fn stroke(&mut self, from: (usize, usize), to: (usize, usize), owner: usize) {
        let count = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1));
        let between = |from: usize, to: usize, index: usize| {
            let share = index as f64 / count.max(1) as f64;
            (from as f64 + (to as f64 - from as f64) * share).round() as usize
        };
        for index in 0..=count {
            self.dot(between(from.0, to.0, index), between(from.1, to.1, index), owner);
        }
    }

    fn dot(&mut self, x: usize, y: usize, owner: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if let Some(cell) = self.cells.get_mut(y / 4 * self.width + x / 2) {
            *cell = (cell.0 | BITS[y % 4][x % 2], owner);
        }
    }

    /// Writes a row of cells; where there are no colours, letters stand on the lines here and there.
    fn row(&self, row: usize, lines: usize, colour: bool, lettered: bool) -> String {
        let every = (lines * 3).max(12);
        let mut out = String::new();
        let mut last = None;
        for (x, (dots, owner)) in self.cells[row * self.width..][..self.width].iter().enumerate() {
            let drawn = (*dots != 0).then_some(*owner);
            if colour && drawn != last {
                match drawn {
                    Some(owner) => {
                        let code = COLOURS[owner % COLOURS.len()];
                        out.push_str(&format!("\u{1b}[{code}m"));
                    }
                    None => out.push_str("\u{1b}[0m"),
                }
                last = drawn;
            }
            let named = lettered && drawn.is_some() && x % every == owner * every / lines;
            out.push(match drawn {
                None => ' ',
                Some(owner) if named => letter(owner),
                Some(_) => char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' '),
            });
        }
        if last.is_some() {
            out.push_str("\u{1b}[0m");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::TimestampMs;

    const PLAIN: Screen = Screen { width: 60, colour: false };
    /// 2026-11-28T12:00:00Z.
    const NOON: i64 = 1_795_867_200_000;

    fn hour() -> Span {
        Span { start: TimestampMs(NOON), end: TimestampMs(NOON + 3_600_000) }
    }

    fn ramp(name: &str, factor: f64) -> Line {
        let point = |index: i64| (NOON + index * 60_000, index as f64 * factor);
        Line { name: name.to_owned(), points: (0..=60).map(point).collect() }
    }

    #[test]
    fn a_rising_line_goes_from_the_lower_left_to_the_upper_right_between_axes() {
        let drawn = lines(&[ramp("up", 1.0)], hour(), 60_000, PLAIN);
        let rows: Vec<&str> = drawn.lines().collect();
        assert_eq!(rows.len(), HEIGHT + 3, "{drawn}");
        assert!(rows[0].starts_with(" 60┤") && rows[0].chars().count() == 59, "{drawn}");
        let foot = rows[HEIGHT - 1];
        assert!(foot.starts_with("  0┤") && foot.chars().count() < 12, "{drawn}");
        assert!(rows[HEIGHT].contains('┬') && rows[HEIGHT + 1].contains("12:30"), "{drawn}");
        assert!(rows[HEIGHT + 1].ends_with("UTC"), "{drawn}");
        assert_eq!(rows[HEIGHT + 2], "━━ up  last 60");
    }

    #[test]
    fn lines_without_colours_have_letters_and_with_colours_end_them() {
        let two = [ramp("one", 1.0), ramp("two\u{1b}[2J", -1.0)];
        let drawn = lines(&two, hour(), 60_000, PLAIN);
        assert!(!drawn.contains('\u{1b}'), "{drawn}");
        assert!(drawn.contains("\nA one") && drawn.contains("\nB two\\u{1b}[2J"), "{drawn}");
        let plot = drawn.lines().take(HEIGHT).collect::<String>();
        assert!(plot.contains('A') && plot.contains('B'), "{drawn}");
        let coloured = lines(&two, hour(), 60_000, Screen { colour: true, ..PLAIN });
        assert!(
            coloured.lines().all(|line| !line.contains('\u{1b}') || line.contains("\u{1b}[0m"))
        );
    }

    #[test]
    fn a_gap_in_a_line_stays_a_gap() {
        let mut line = ramp("gap", 0.0);
        line.points.retain(|(at, _)| !(NOON + 900_000..NOON + 2_700_000).contains(at));
        let drawn = lines(&[line], hour(), 60_000, PLAIN);
        let dots = |row: &&str| row.contains(|it: char| ('\u{2801}'..'\u{2900}').contains(&it));
        let row = drawn.lines().find(dots).unwrap();
        assert!(row.contains(&" ".repeat(26)) && !row.contains(&" ".repeat(30)), "{drawn}");
    }

    #[test]
    fn axes_have_round_ends_around_any_values() {
        let of = |values: &[f64]| Scale::of(values.iter().copied());
        assert_eq!(of(&[3.0, 97.0]), Scale { low: 0.0, high: 100.0, tick: 50.0 });
        assert_eq!(of(&[995.0, 1_004.0]), Scale { low: 995.0, high: 1_005.0, tick: 5.0 });
        for odd in [&[][..], &[0.0], &[7.0], &[-3.0], &[f64::MAX, f64::MIN], &[1e-300]] {
            let scale = of(odd);
            assert!(scale.low < scale.high && scale.tick > 0.0, "{odd:?} {scale:?}");
            assert!(scale.labels().iter().filter(|label| !label.is_empty()).count() >= 2);
        }
    }

    #[test]
    fn bars_stand_side_by_side_and_a_single_record_is_seen() {
        let drawn = bars(&[1, 0, 1_000], NOON, 60_000, PLAIN);
        let foot = drawn.lines().nth(HEIGHT - 1).unwrap();
        let plot: Vec<char> = foot.split('┤').nth(1).unwrap().chars().collect();
        assert_eq!((plot[0], plot[plot.len() / 2], plot[plot.len() - 1]), ('▁', ' ', '█'));
    }

    #[test]
    fn sparklines_show_the_lowest_and_the_highest_and_gaps() {
        assert_eq!(sparkline(&[Some(0.0), None, Some(7.0)]), "▁ █");
        assert_eq!(sparkline(&[Some(5.0), Some(5.0)]), "▄▄");
    }
}
