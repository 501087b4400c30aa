//! When the counting behind the points of a chunk began, as the newer encodings keep it.

use crate::base::error::Result;
use crate::model::sample::StartTime;
use crate::model::time::TimestampMs;
use crate::wire::prometheus_tsdb::bits::Bits;

/// Follows the start times of a chunk, of which each is written behind its point.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// Whether the first point has one.
    first_is_known: bool,
    /// From which point on they are written; 0 for never.
    changes_from: u16,
    /// The start time that holds now, 0 when it is not known.
    start: i64,
    difference: i64,
}

impl Starts {
    /// Reads the header byte.
    pub(super) fn new(header: u8) -> Self {
        Starts {
            first_is_known: header & 0x80 != 0,
            changes_from: u16::from(header & 0x7f),
            ..Starts::default()
        }
    }

    /// Reads what stands behind point `number` (from 0) at `at`, whose predecessor was at `before`.
    pub(super) fn read(
        &mut self,
        bits: &mut Bits<'_>,
        number: u16,
        (before, at): (i64, i64),
    ) -> Result<()> {
        if number == 0 {
            if self.first_is_known {
                self.start = at.wrapping_sub(bits.varint()?);
            }
            return Ok(());
        }
        if self.changes_from == 0 || number < self.changes_from {
            return Ok(());
        }
        let step = bits.varbit_int()?;
        let is_first = number == self.changes_from;
        self.difference = if is_first { step } else { self.difference.wrapping_add(step) };
        self.start = before.wrapping_sub(self.difference);
        Ok(())
    }

    /// Notes the start time of the point at `at`, when it is known.
    pub(super) fn note(&self, at: i64, into: &mut Vec<StartTime>) {
        if self.start != 0 {
            into.push(StartTime { timestamp: TimestampMs(at), start: TimestampMs(self.start) });
        }
    }
}
