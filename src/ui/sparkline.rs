//! A small line without axes, as the points of an SVG polyline.

/// The box it is drawn in.
const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 24.0;

/// The points of the line and of the area below it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sparkline {
    /// `x,y` pairs of the line; empty when there are fewer than two values.
    pub(crate) line: String,
    /// The same, closed along the ground.
    pub(crate) area: String,
}

impl Sparkline {
    /// Draws values at even distances, from zero (or the least value below it) to the greatest.
    /// Values that are no numbers are left out.
    pub(crate) fn of(values: &[f64]) -> Self {
        let count = values.len();
        let finite: Vec<(usize, f64)> =
            values.iter().copied().enumerate().filter(|(_, value)| value.is_finite()).collect();
        if finite.len() < 2 {
            return Sparkline::default();
        }
        let low = finite.iter().fold(0.0, |low: f64, (_, value)| low.min(*value));
        let high = finite.iter().fold(low, |high, (_, value)| high.max(*value));
        let height = if high > low { high - low } else { 1.0 };
        let x = |index: usize| index as f64 / (count - 1) as f64 * WIDTH;
        let y = |value: f64| HEIGHT - (value - low) / height * HEIGHT;
        let points: Vec<String> = finite
            .iter()
            .map(|(index, value)| format!("{:.1},{:.1}", x(*index), y(*value)))
            .collect();
        let line = points.join(" ");
        let (first, last) = (finite[0].0, finite[finite.len() - 1].0);
        let area = format!("{:.1},{HEIGHT} {line} {:.1},{HEIGHT}", x(first), x(last));
        Sparkline { line, area }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_spans_the_box_and_skips_gaps() {
        let drawn = Sparkline::of(&[0.0, f64::NAN, 10.0]);
        assert_eq!(drawn.line, "0.0,24.0 100.0,0.0");
        assert_eq!(drawn.area, "0.0,24 0.0,24.0 100.0,0.0 100.0,24");
    }

    #[test]
    fn one_value_or_none_draws_nothing_and_equal_ones_a_level_line() {
        assert_eq!(Sparkline::of(&[1.0]), Sparkline::default());
        assert_eq!(Sparkline::of(&[5.0, 5.0]).line, "0.0,0.0 100.0,0.0");
        assert_eq!(Sparkline::of(&[0.0, 0.0]).line, "0.0,24.0 100.0,24.0");
    }
}
