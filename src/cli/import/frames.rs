//! Reads `.rw` files: the requests of remote write that `export` keeps for what text cannot say. The
//! bytes are those of [`crate::wire::remote_write::Frames`].

use std::io::Read;
use std::path::Path;

use crate::cli::import::feed::Feed;
use crate::cli::import::text::open;
use crate::cli::import::window::unreadable;
use crate::cli::outcome::Failure;
use crate::wire::remote_write::Frames;

/// Hands over the requests of a file from request `from` on. `total` is how many bytes it counts
/// for.
///
/// # Errors
/// When it cannot be read or is damaged: requests have no marks by which the next could be found.
pub(crate) fn read(path: &Path, from: u64, total: u64, feed: &mut Feed) -> Result<(), Failure> {
    let mut file = open(path)?;
    let (mut frames, mut bytes, mut number) = (Frames::of_file(), 0_u64, 0_u64);
    let mut piece = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut piece).map_err(|error| unreadable(path, &error))?;
        let damaged = |error: crate::base::error::Error| error.context(path.display());
        if read == 0 {
            frames.end().map_err(damaged)?;
            return feed.finish(number, total);
        }
        bytes = (bytes + read as u64).min(total);
        frames.push(&piece[..read]);
        while let Some(body) = frames.next().map_err(damaged)? {
            number += 1;
            if number > from {
                feed.body(body, number, bytes)?;
            }
        }
    }
}
