//! The text that scraped targets answer with: Prometheus text 0.0.4 and OpenMetrics 1.0.
//!
//! In: the body of a scrape and its [`Format`]. Out: [`Scrape`], its samples and metadata in the
//! order written; or one error that names line and byte, for a target that writes one wrong line is
//! not to be trusted with the others (Prometheus fails the whole scrape, too). Back: [`encode_text`]
//! for our own `/metrics`, and [`encode_federated`] for `/federate`, which is protobuf for who prefers
//! that. Deliberately absent: relabelling, staleness, limits (`collect`, `ingest`), and protobuf in.

mod cursor;
mod number;
mod line;
mod scrape;
mod openmetrics;
mod text;
mod encode;
mod federate;

pub use encode::{CONTENT_TYPE, encode_text};
pub use federate::{FederateForm, Federated, FederatedValue, encode_federated, federated_labels};
pub use scrape::{Format, Scrape, ScrapedExemplar, ScrapedSample, parse};
