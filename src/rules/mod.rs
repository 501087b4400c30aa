//! Rule files in Prometheus' form, evaluated on time: recordings become series, conditions become
//! alerts.
//!
//! In: checked groups, a store to query, a clock. Out: series through `ingest`, alerts to an
//! [`AlertSink`], and what is known of every rule as plain data. Groups run side by side in a lane
//! of their own, so that users' queries and rules never wait for each other; the rules of a group
//! run one after the other, each seeing what those before it wrote.
//!
//! Deliberately absent: who is told about an alert and how (`alerting`), users' questions (`query`
//! through `service`), where files lie (`config`).

mod definition;
mod read;
mod external;
mod template;
mod status;
mod sink;
mod instances;
mod restore;
mod evaluation;
mod rule;
mod group;
mod counters;
mod ruler;
mod packs;
mod unit_test;

pub use definition::{
    AlertingDefinition, GroupDefinition, RecordingDefinition, RuleDefinition, RuleExpr,
};
pub use external::External;
pub use packs::{Pack, groups as pack_groups};
pub use read::{RuleDefaults, read};
pub use ruler::{Ruler, RulerParts};
pub use sink::{AlertSink, NoSink};
pub use status::{ActiveAlert, AlertState, GroupStatus, RuleHealth, RuleKind, RuleStatus};
pub use unit_test::{UnitTests, read_unit_tests};
