//! Hostile bytes for every decoder: what clients send, what files hold. No panic, and no more
//! memory than the input justifies.
//!
//! Without coverage from the compiler, so that it runs on stable Rust: seeds come from the encoders,
//! and what a decoder takes joins the seeds. `BELVEDERE_FUZZ_SECONDS` says how long (30),
//! `BELVEDERE_FUZZ_SEED` repeats a run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells its seed and figures"
)]

mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use peak_alloc::PeakAlloc;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::mutate::mutate;
use crate::targets::{Corpus, all};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that a decoder may hold at once for each byte of its input, and for the input as such. A
/// compressed one is bounded by the cap that its decoder was given, which is below the second.
const PER_BYTE: usize = 64;
const PER_INPUT: usize = 64 << 20;

#[test]
fn no_decoder_panics_or_takes_more_memory_than_its_input_justifies() {
    let seconds = std::env::var("BELVEDERE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(30));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("BELVEDERE_FUZZ_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or(now);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut corpora = all();
    for corpus in &mut corpora {
        for bytes in corpus.seeds() {
            assert!(corpus.try_one(&bytes).taken, "{}: a seed is refused", corpus.name);
        }
    }
    let begin = Instant::now();
    while begin.elapsed() < length {
        for corpus in &mut corpora {
            for _ in 0..200 {
                let bytes = mutate(&mut random, corpus.bytes());
                let tried = corpus.try_one(&bytes);
                corpus.learn(bytes, tried.taken, &mut random);
            }
        }
    }
    for corpus in &corpora {
        println!("{corpus}");
        assert!(corpus.tried > 200 && corpus.taken > 0, "{}: too little to tell", corpus.name);
    }
}

/// What became of one input.
struct Tried {
    taken: bool,
}

impl Corpus {
    /// Gives bytes to the decoder.
    ///
    /// # Panics
    /// When the decoder does, or takes too much memory; the input is kept in a file then.
    fn try_one(&mut self, bytes: &[u8]) -> Tried {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let decode = &self.decode;
        let outcome = catch_unwind(AssertUnwindSafe(|| decode(bytes)));
        let most = MEMORY.peak_usage().saturating_sub(before);
        self.tried += 1;
        self.most_bytes = self.most_bytes.max(most);
        let Ok(taken) = outcome else { panic!("{}: panicked on {}", self.name, keep(bytes)) };
        let allowed = bytes.len() * PER_BYTE + PER_INPUT;
        assert!(most <= allowed, "{}: took {most} bytes for {}", self.name, keep(bytes));
        Tried { taken }
    }
}

/// Writes an input into a file and returns its name.
fn keep(bytes: &[u8]) -> String {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut random = rand::rng();
    let path = folder.join(format!("fuzz-{:08x}", random.random::<u32>()));
    std::fs::write(&path, bytes).unwrap();
    format!("{} bytes, kept in {}", bytes.len(), path.display())
}
