//! The mark on work that must not be observed: writing the appliance's own telemetry. Without it
//! a stored log line would cause a span, which would cause a write, which would cause a log line.

use std::future::Future;

tokio::task_local! {
    static SUPPRESSED: ();
}

/// Runs `work` unobserved: no span and no stored log line comes of it. Tasks spawned inside do not
/// inherit the mark.
pub async fn scope<T>(work: impl Future<Output = T>) -> T {
    SUPPRESSED.scope((), work).await
}

/// Returns whether the running task is inside [`scope`].
pub fn is_suppressed() -> bool {
    SUPPRESSED.try_with(|()| ()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_mark_holds_inside_the_scope_across_waits_and_not_outside() {
        assert!(!is_suppressed());
        let inside = scope(async {
            tokio::task::yield_now().await;
            is_suppressed()
        });
        assert!(inside.await);
        assert!(!is_suppressed());
    }
}
