//! How full something is, as a bar.

/// A share of a whole, fit for a bar 100 units wide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Gauge {
    /// The bar's width; empty when the share is not known.
    pub(crate) width: String,
    /// `ok`, `warning` or `error`.
    pub(crate) class: &'static str,
}

impl Gauge {
    /// Draws `percent` of a whole; it warns from `warning` percent on, and is bad from `error` on.
    pub(crate) fn of(percent: f64, warning: f64, error: f64) -> Self {
        if !percent.is_finite() {
            return Gauge::default();
        }
        let class = match percent {
            share if share >= error => "error",
            share if share >= warning => "warning",
            _ => "ok",
        };
        Gauge { width: format!("{:.1}", percent.clamp(0.0, 100.0)), class }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stays_in_its_box_and_what_is_unknown_has_none() {
        let of = |percent| {
            let gauge = Gauge::of(percent, 75.0, 90.0);
            (gauge.width, gauge.class)
        };
        assert_eq!(of(12.34), ("12.3".to_owned(), "ok"));
        assert_eq!(of(75.0), ("75.0".to_owned(), "warning"));
        assert_eq!(of(130.0), ("100.0".to_owned(), "error"));
        assert_eq!(of(f64::NAN), (String::new(), ""));
    }
}
