//! A pattern as an automaton that walks a dictionary, leaving out what cannot match.

use fst::Automaton;
use regex_automata::Anchored;
use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton as _, StartKind};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

use crate::model::pattern::anchored;

/// The largest automaton, and what building it may take; beyond, every value is looked at.
const MAX_BYTES: usize = 1 << 20;
const MAX_BUILD_BYTES: usize = 8 << 20;

/// A whole-text match as a walk over states.
pub(super) struct Walk {
    automaton: DFA<Vec<u32>>,
    start: StateID,
}

impl Walk {
    /// Builds the automaton of a matcher's pattern; `None` when it would be too large or must see
    /// more than one byte after the other.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let limits = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .dfa_size_limit(Some(MAX_BYTES))
            .determinize_size_limit(Some(MAX_BUILD_BYTES));
        let automaton = dense::Builder::new().configure(limits).build(&anchored(pattern)).ok()?;
        let start = automaton.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
        Some(Walk { automaton, start })
    }

    /// Returns the bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.automaton.memory_usage()
    }
}

impl Automaton for &Walk {
    type State = StateID;

    fn start(&self) -> StateID {
        self.start
    }

    fn is_match(&self, state: &StateID) -> bool {
        self.automaton.is_match_state(self.automaton.next_eoi_state(*state))
    }

    fn can_match(&self, state: &StateID) -> bool {
        !self.automaton.is_dead_state(*state)
    }

    fn accept(&self, state: &StateID, byte: u8) -> StateID {
        self.automaton.next_state(*state, byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fst::{IntoStreamer, Streamer};

    #[test]
    fn a_walk_finds_whole_matches_only() {
        let values = ["", "a", "ab", "ab\n", "b", "ü", "üb"];
        let set = fst::Set::from_iter(values).unwrap();
        for pattern in ["a.*", "(?i)AB", ".", "", "[^a]+", "ab|ü", "a\\b.*"] {
            let regex = regex::Regex::new(&anchored(pattern)).unwrap();
            let wanted: Vec<_> = values.iter().filter(|value| regex.is_match(value)).collect();
            // A word boundary of Unicode needs more than one byte.
            let Some(walk) = Walk::new(pattern) else {
                assert_eq!(pattern, "a\\b.*");
                continue;
            };
            let mut found = Vec::new();
            let mut stream = set.search(&walk).into_stream();
            while let Some(value) = stream.next() {
                found.push(String::from_utf8(value.to_vec()).unwrap());
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{pattern}");
        }
    }

    #[test]
    fn a_walk_that_would_be_huge_is_not_built() {
        assert!(Walk::new("(a|b)*a(a|b){20}").is_none());
    }
}
