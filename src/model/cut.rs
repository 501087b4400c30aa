//! A list that a limit may have cut.

/// A result that may have been cut by a limit, and says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut<T> {
    /// What fitted.
    pub items: Vec<T>,
    /// Whether there was more.
    pub truncated: bool,
    /// What the caller should know besides, such as a quarantined block.
    pub warnings: Vec<String>,
}

impl<T> Cut<T> {
    /// Wraps a whole result.
    pub fn whole(items: Vec<T>) -> Self {
        Cut { items, truncated: false, warnings: Vec::new() }
    }

    /// Cuts `items` to `limit`; `None` means no limit.
    pub fn limited(mut items: Vec<T>, limit: Option<usize>) -> Self {
        let truncated = limit.is_some_and(|limit| items.len() > limit);
        if let Some(limit) = limit {
            items.truncate(limit);
        }
        Cut { items, truncated, warnings: Vec::new() }
    }
}
