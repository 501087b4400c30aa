//! Functions of one native histogram.

use crate::base::error::Result;
use crate::model::histogram::Histogram;
use crate::model::stale::stale_nan;
use crate::query::promql::engine::column::Column;
use crate::query::promql::histogram::variance;

/// Returns a change of columns: every histogram becomes a number, floats vanish, and the name too.
pub(super) fn each_histogram(name: &str) -> impl FnMut(&mut Column) -> Result<()> + Send {
    let number: fn(&Histogram) -> f64 = match name {
        "histogram_count" => |known| known.count,
        "histogram_sum" => |known| known.sum,
        "histogram_avg" => |known| known.sum / known.count,
        "histogram_stddev" => |known| variance(known).sqrt(),
        _ => variance,
    };
    move |column| {
        column.drop_name = true;
        for step in 0..column.floats.len() {
            column.floats[step] = column.histogram(step).map_or(stale_nan(), |known| number(known));
        }
        column.histograms = Vec::new();
        Ok(())
    }
}
