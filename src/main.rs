//! Parses the command line, runs it and maps the outcome to an exit code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3, for which its bindings have no name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> ExitCode {
    keep_memory_small();
    belvedere::cli::run()
}

/// Lets freed memory go back to the system at once and in small pages. By default it stays for a
/// second at least, and until somebody allocates; in pages of 2 MiB each of them stays whole while
/// anything in it lives. Together that is half of what the process would hold.
fn keep_memory_small() {
    // SAFETY: the call stores a number in a table of the allocator; an option that it
    // does not know it ignores. No other thread runs yet.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
    }
    // A kernel that does not know the wish has no such pages, or costs memory but nothing else.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
