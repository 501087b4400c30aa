//! Sizes in bytes with their human form: `512MiB`, `10GiB`, `1kB`.

use std::fmt;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// Builds a size from binary megabytes.
    pub const fn mib(count: u64) -> Self {
        ByteSize(count << 20)
    }

    /// Builds a size from binary gigabytes.
    pub const fn gib(count: u64) -> Self {
        ByteSize(count << 30)
    }

    /// Reads `512MiB`, `10GB`, `1024B`; a bare number is refused because its unit is a guess.
    ///
    /// # Errors
    /// A text for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("not a valid size: {text:?} (write for example 512MiB)");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let count: u64 = number.parse().map_err(|_| wrong())?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        count.checked_mul(*factor).map(ByteSize).ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS[..4]
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        match exact {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_print_back() {
        assert_eq!(ByteSize::parse("512MiB"), Ok(ByteSize::mib(512)));
        assert_eq!(ByteSize::parse("1kB"), Ok(ByteSize(1_000)));
        assert_eq!(ByteSize::gib(10).to_string(), "10GiB");
        assert!(ByteSize::parse("512").is_err());
        assert!(ByteSize::parse("99999999TiB").is_err());
    }
}
