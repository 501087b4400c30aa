//! What a fuzzer needs of a decoder of stored bytes.

/// A decoder with bytes that its encoder wrote.
pub struct Target {
    /// What is decoded.
    pub name: &'static str,
    /// Where mutation starts.
    pub seeds: Vec<Vec<u8>>,
    /// Decodes, and returns whether the bytes were taken.
    pub decode: fn(&[u8]) -> bool,
}
