//! Parts that stand in a query more than once, such as `a` in `a / (a + b)`: they are evaluated once,
//! as long as what they give is small.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::base::error::Result;
use crate::query::promql::ast::{Expr, Kind, Node};
use crate::query::promql::engine::column::{Column, Grid, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::value_type::ValueType;

/// Longer queries are not searched: each part is compared by its text.
const MAX_TEXT: usize = 4_096;

/// What is kept of one query costs at most so many samples, and at most this part of what it may hold.
const MAX_SAMPLES: u64 = 1 << 20;
const MAX_PART: u64 = 16;

/// Columns that are handed on together.
const BLOCK: usize = 64;

/// The parts of one query that repeat, and what they gave.
#[derive(Default)]
pub(super) struct Repeats {
    /// Nodes by their addresses (the tree stands still meanwhile); equal ones have one number.
    parts: HashMap<usize, usize>,
    given: Mutex<Given>,
}

#[derive(Default)]
struct Given {
    columns: Vec<(usize, Grid, Arc<Vec<Column>>)>,
    samples: u64,
}

impl Repeats {
    /// Finds the largest parts that repeat.
    pub(super) fn of(expr: &Expr) -> Self {
        let mut repeats = Repeats::default();
        if expr.text.len() > MAX_TEXT || selectors(&expr.root) < 2 {
            return repeats;
        }
        let mut texts = HashMap::new();
        count(&expr.root, &mut texts);
        texts.retain(|_, (times, _)| *times > 1);
        if !texts.is_empty() {
            repeats.choose(&expr.root, &texts);
        }
        repeats
    }

    fn choose(&mut self, node: &Node, texts: &HashMap<String, (usize, usize)>) {
        let known = may_repeat(node).then(|| texts.get(&node.to_string())).flatten();
        match known {
            Some((_, part)) => {
                self.parts.insert(std::ptr::from_ref(node).addr(), *part);
            }
            None => node.children().into_iter().for_each(|child| self.choose(child, texts)),
        }
    }

    /// Returns the number of a part that repeats.
    pub(super) fn part(&self, node: &Node) -> Option<usize> {
        match self.parts.is_empty() {
            true => None,
            false => self.parts.get(&std::ptr::from_ref(node).addr()).copied(),
        }
    }

    fn given(&self, part: usize, grid: Grid) -> Option<Arc<Vec<Column>>> {
        let given = self.given.lock();
        let known = given.columns.iter().find(|(of, at, _)| (*of, *at) == (part, grid));
        known.map(|(_, _, columns)| Arc::clone(columns))
    }
}

fn selectors(node: &Node) -> usize {
    match node.kind {
        Kind::Selector(_) | Kind::Matrix(_) => 1,
        _ => node.children().into_iter().map(selectors).sum(),
    }
}

/// Returns whether a node is a vector that is read from the store and of which the text says all. What
/// only stands around one is left to it.
fn may_repeat(node: &Node) -> bool {
    let is_bare = !matches!(node.kind, Kind::Paren(_) | Kind::Unary { negate: false, .. });
    let is_read = node.value_type() == ValueType::Vector && selectors(node) > 0;
    is_bare && is_read && !reads_counts_only(node)
}

/// Returns whether a selector reads histograms in another way because of what stands around the node.
fn reads_counts_only(node: &Node) -> bool {
    match &node.kind {
        Kind::Selector(selector) => selector.counts_only,
        Kind::Matrix(matrix) => matrix.selector.counts_only,
        _ => node.children().into_iter().any(reads_counts_only),
    }
}

/// Counts parts by their texts and numbers them.
fn count(node: &Node, texts: &mut HashMap<String, (usize, usize)>) {
    if may_repeat(node) {
        let next = texts.len();
        texts.entry(node.to_string()).or_insert((0, next)).0 += 1;
    }
    node.children().into_iter().for_each(|child| count(child, texts));
}

impl Evaluation {
    /// Evaluates a part that repeats, unless it was evaluated on this grid before.
    pub(super) async fn once(
        &self,
        part: usize,
        node: &Node,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        if let Some(columns) = self.repeats.given(part, grid) {
            for block in columns.chunks(BLOCK) {
                block.iter().try_for_each(|column| self.budget.take_column(column.cost()))?;
                self.emit(block.to_vec(), sink).await?;
            }
            return Ok(());
        }
        let said = self.notes.added();
        let mut keeping = Keeping { evaluation: self, inner: sink, kept: Some(Vec::new()) };
        self.operator(node, grid, &mut keeping).await?;
        match keeping.kept.take() {
            // What a part says is said of each place where it stands.
            Some(columns) if self.notes.added() == said => {
                self.repeats.given.lock().columns.push((part, grid, Arc::new(columns)));
            }
            Some(columns) => self.let_go(&columns),
            None => {}
        }
        Ok(())
    }

    /// Takes what is kept into account. Returns whether there is room for it.
    fn hold(&self, column: &Column) -> bool {
        let most = MAX_SAMPLES.min(self.options.max_samples / MAX_PART);
        let mut given = self.repeats.given.lock();
        let cost = column.cost();
        if given.samples + cost > most || self.budget.take_column(cost).is_err() {
            return false;
        }
        given.samples += cost;
        true
    }

    fn let_go(&self, columns: &[Column]) {
        for column in columns {
            self.budget.give_column(column.cost());
            self.repeats.given.lock().samples -= column.cost();
        }
    }
}

/// Hands columns on and keeps copies, until they are too many.
struct Keeping<'s> {
    evaluation: &'s Evaluation,
    inner: &'s mut (dyn Sink + 's),
    kept: Option<Vec<Column>>,
}

impl Sink for Keeping<'_> {
    fn push(&mut self, block: Vec<Column>) -> Result<()> {
        if let Some(kept) = &mut self.kept {
            let held = block.iter().take_while(|column| self.evaluation.hold(column)).count();
            kept.extend_from_slice(&block[..held]);
            if held < block.len() {
                self.evaluation.let_go(kept);
                self.kept = None;
            }
        }
        self.inner.push(block)
    }
}
