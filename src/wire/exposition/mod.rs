//! What scraped targets answer with: Prometheus text 0.0.4, OpenMetrics 1.0 and delimited protobuf.
//!
//! In: the body of a scrape and its [`Format`]. Out: [`Scrape`], its samples and metadata in the
//! order written; or one error that names the place, for a target that writes one wrong line is
//! not to be trusted with the others (Prometheus fails the whole scrape, too). Back: [`encode_text`]
//! for our own `/metrics`, and [`encode_federated`] for `/federate`, which is protobuf for who prefers
//! that. Deliberately absent: relabelling, staleness and limits (`collect`, `ingest`).

mod cursor;
mod number;
mod line;
mod scrape;
mod created;
mod openmetrics;
mod text;
mod messages;
mod protobuf;
mod encode;
mod federate;
mod history;

pub use encode::{CONTENT_TYPE, encode_text};
pub use federate::{FederateForm, Federated, FederatedValue, encode_federated, federated_labels};
pub use history::{END, text_keeps, write_history};
pub use scrape::{
    Format, Histograms, Scrape, ScrapedExemplar, ScrapedHistogram, ScrapedSample, parse,
};
