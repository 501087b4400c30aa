//! Walks the outer objects and lists without keeping what is not asked for: a body of a million
//! unknown keys or empty lists costs time, not memory.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::base::error::{Error, Result};

/// Returns the members of an object by the names in `wanted`; of repeated ones the last.
///
/// # Errors
/// `InvalidInput` when it is no object.
pub(crate) fn members<'a, const N: usize>(
    object: &'a RawValue,
    wanted: [&str; N],
) -> Result<[Option<&'a RawValue>; N]> {
    serde_json::Deserializer::from_str(object.get())
        .deserialize_map(Wanted(wanted))
        .map_err(|error| Error::invalid(format!("not OTLP JSON: {error}")))
}

/// Shows `visit` every item of a list; a missing one and `null` are empty.
///
/// # Errors
/// `InvalidInput` when it is no list, and what `visit` returns.
pub(crate) fn each<'a>(
    list: Option<&'a RawValue>,
    visit: impl FnMut(&'a RawValue) -> Result<()>,
) -> Result<()> {
    let Some(list) = list.filter(|list| list.get() != "null") else { return Ok(()) };
    let mut failure = None;
    let outcome = serde_json::Deserializer::from_str(list.get())
        .deserialize_seq(Each { visit, failure: &mut failure });
    match failure {
        Some(error) => Err(error),
        None => outcome.map_err(|error| Error::invalid(format!("not OTLP JSON: {error}"))),
    }
}

struct Wanted<'k, const N: usize>([&'k str; N]);

impl<'de, const N: usize> Visitor<'de> for Wanted<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(place) = map.next_key_seed(Place(&self.0))? {
            match place {
                Some(place) => found[place] = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// Reads a key as its place among the wanted ones.
struct Place<'k>(&'k [&'k str]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        key: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> std::result::Result<Self::Value, E> {
        Ok(self.0.iter().position(|wanted| *wanted == key))
    }
}

struct Each<'f, F> {
    visit: F,
    failure: &'f mut Option<Error>,
}

impl<'de, F: FnMut(&'de RawValue) -> Result<()>> Visitor<'de> for Each<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(
        mut self,
        mut list: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        while let Some(item) = list.next_element()? {
            if let Err(error) = (self.visit)(item) {
                *self.failure = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
