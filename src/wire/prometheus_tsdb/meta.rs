//! `meta.json` of a block.

use serde::Deserialize;

use crate::base::error::{Error, Result};

/// What a block says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockMeta {
    /// The block's name, which is its directory's.
    pub ulid: String,
    /// The first millisecond inside.
    pub min_time: i64,
    /// The first millisecond behind.
    pub max_time: i64,
    /// How many points it holds, as it says; 0 when it does not.
    pub samples: u64,
    /// How many series.
    pub series: u64,
    /// Blocks that this one replaces: their directories may wait to be removed.
    pub parents: Vec<String>,
    /// Whether it holds nothing and waits to be removed.
    pub deletable: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    ulid: String,
    min_time: i64,
    max_time: i64,
    version: i64,
    #[serde(default)]
    stats: Stats,
    #[serde(default)]
    compaction: Compaction,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Stats {
    num_samples: u64,
    num_series: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Compaction {
    deletable: bool,
    parents: Vec<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    ulid: String,
}

impl BlockMeta {
    /// Reads the file.
    ///
    /// # Errors
    /// `Corrupt` when it is not one, `Unsupported` for an unknown version.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let wire: Wire = serde_json::from_slice(bytes)
            .map_err(|error| Error::corrupt(format!("meta.json: {error}")))?;
        if wire.version != 1 {
            let text = format!("meta.json: block version {} is not known", wire.version);
            return Err(Error::unsupported(text));
        }
        Ok(BlockMeta {
            ulid: wire.ulid,
            min_time: wire.min_time,
            max_time: wire.max_time,
            samples: wire.stats.num_samples,
            series: wire.stats.num_series,
            parents: wire.compaction.parents.into_iter().map(|parent| parent.ulid).collect(),
            deletable: wire.compaction.deletable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_names_what_it_replaces() {
        let text = r#"{"ulid":"01B","minTime":1,"maxTime":2,"stats":{"numSamples":9,"numSeries":3},
            "compaction":{"level":2,"sources":["01A"],"parents":[{"ulid":"01A","minTime":1,
            "maxTime":2}]},"version":1}"#;
        let meta = BlockMeta::decode(text.as_bytes()).unwrap();
        assert_eq!((meta.parents, meta.samples), (vec!["01A".to_owned()], 9));
        assert!(
            BlockMeta::decode(text.replace("\"version\":1", "\"version\":7").as_bytes()).is_err()
        );
        assert!(BlockMeta::decode(b"{}").is_err());
    }
}
