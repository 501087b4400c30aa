//! Points to bytes and back, every bit of them.
//!
//! In: points of one series in time order. Out: one chunk, or a `Corrupt` error for bytes that no
//! encoder wrote. Deliberately absent: checksums (the container's) and knowledge of series.
//!
//! ```text
//! float chunk      count, times: integers, values: floats
//! histogram chunk  count, times: integers, runs of samples with one layout:
//!                  run length, layout, then one column of floats each for count, sum, zero count
//!                  and every bucket
//! integers         0 constant | 1 deltas | 2 deltas of deltas; first value, divisor, blocks of 128
//!                  residuals packed to one width with the wide ones as exceptions
//! floats           0 constant | 1 decimal (integers and an exponent; what is no short decimal goes
//!                  to an exception list) | 2 xor with the value before | 3 plain; in sealed days also
//!                  4 decimal, its integers binned by pco | 5 binned by pco | 6 zstd of 1, 2 or 3
//! ```
//! Numbers are LEB128 unless a width is named; signed ones are zigzag-coded; fixed widths are
//! little-endian.

pub(super) mod bytes;
mod bits;
pub(super) mod integers;
mod binned;
pub(super) mod floats;
mod xor;
pub(super) mod histograms;
pub(super) mod point;

/// How hard an encoder tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Little time: for chunks in memory and windows of the live day.
    Quick,
    /// Few bytes: for sealed days.
    Best,
}
