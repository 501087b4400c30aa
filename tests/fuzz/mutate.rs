//! Changes bytes as faults and foes do.

use rand::Rng;
use rand::rngs::StdRng;

/// The longest input that is made.
const MAX_BYTES: usize = 64 << 10;
/// Numbers at whose edges decoders break.
const EDGES: [u64; 9] =
    [0, 1, 0x7f, 0x80, 0xff, 0xffff, u32::MAX as u64, i64::MAX as u64, u64::MAX];
const WORDS: [&str; 12] =
    ["\n", "# ", "{", "}", "\"", "\\", "le=", "NaN", "+Inf", "1e999", "# EOF\n", "\u{0}"];

/// Returns changed bytes of one input, now and then joined with another one.
pub fn mutate(random: &mut StdRng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = inputs[random.random_range(0..inputs.len())].clone();
    if random.random_ratio(1, 8) {
        let other = &inputs[random.random_range(0..inputs.len())];
        let (keep, from) = (place(random, &bytes), place(random, other));
        bytes.truncate(keep);
        bytes.extend_from_slice(&other[from..]);
    }
    for _ in 0..1 << random.random_range(0..4) {
        change(random, &mut bytes);
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

fn change(random: &mut StdRng, bytes: &mut Vec<u8>) {
    let at = place(random, bytes);
    let end = (at + 1 + random.random_range(0..16)).min(bytes.len());
    match random.random_range(0..10) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = random.random(),
        2 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(random.random_range(0..3)),
        3 if at < end => drop(bytes.drain(at..end)),
        4 => drop(bytes.splice(at..at, varint(edge(random)))),
        5 if at < bytes.len() => drop(bytes.splice(at..=at, varint(edge(random)))),
        6 => overwrite(bytes, at, &edge(random).to_le_bytes()),
        7 => bytes.truncate(at),
        8 if at < end => {
            let piece = bytes[at..end].to_vec();
            let times = 1 << random.random_range(0..7);
            drop(bytes.splice(at..at, piece.repeat(times)));
        }
        _ => {
            let word = WORDS[random.random_range(0..WORDS.len())].as_bytes();
            drop(bytes.splice(at..at, word.iter().copied()));
        }
    }
}

/// Returns a place in the bytes or right behind them; early ones are likelier, because headers are
/// there.
fn place(random: &mut StdRng, bytes: &[u8]) -> usize {
    let most = if random.random_ratio(1, 3) { bytes.len().min(24) } else { bytes.len() };
    random.random_range(0..=most)
}

fn edge(random: &mut StdRng) -> u64 {
    let edge = EDGES[random.random_range(0..EDGES.len())];
    edge.wrapping_add(random.random_range(0..3)).wrapping_sub(1)
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn overwrite(bytes: &mut [u8], at: usize, new: &[u8]) {
    for (old, new) in bytes[at..].iter_mut().zip(new) {
        *old = *new;
    }
}
