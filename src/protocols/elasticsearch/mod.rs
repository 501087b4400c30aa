//! The door of Elasticsearch's clients: documents and bulk in, searches and aggregations out.
//!
//! In: what winston-elasticsearch, @elastic/elasticsearch, elasticsearch-py and Grafana send. Out:
//! their answers, each with the product header without which they refuse to talk. Indices exist as
//! soon as they hold a document. Deliberately absent: index templates, scripts, scoring, clusters:
//! each is an error that names it.

mod params;
mod error;
mod response;
mod bulk;
mod document;
mod search;
mod indices;
mod server;

pub use crate::protocols::elasticsearch::server::info;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware::map_response;
use axum::routing::{get, head, post, put};

use crate::http::front::not_found;
use crate::ingest::Ingest;
use crate::service::Services;

/// Elasticsearch's own default of `http.max_content_length`.
pub const MAX_BODY: usize = 100 << 20;

/// What the handlers work with.
#[derive(Clone)]
pub struct ElasticsearchDoor {
    /// Answers questions.
    pub services: Services,
    /// Takes documents.
    pub ingest: Ingest,
}

/// Returns the routes at their native root paths, without `GET /` (the shared port decides that
/// one by `Accept`; see [`info`]).
pub fn routes(door: ElasticsearchDoor) -> Router {
    let both = |handler| post(handler).put(handler).fallback(not_found);
    Router::new()
        .route("/_bulk", both(bulk::bulk_all))
        .route("/{index}/_bulk", post(bulk::bulk_index).put(bulk::bulk_index).fallback(not_found))
        .route("/{index}/_doc", post(document::add).fallback(not_found))
        .route(
            "/{index}/_doc/{id}",
            get(document::get_one)
                .put(document::put)
                .post(document::put)
                .delete(document::delete)
                .fallback(not_found),
        )
        .route(
            "/{index}/_create/{id}",
            put(document::create).post(document::create).fallback(not_found),
        )
        .route("/{index}/_update/{id}", post(document::update).fallback(not_found))
        .route("/{index}/_source/{id}", get(document::source).fallback(not_found))
        .merge(reading_routes())
        .merge(server_routes())
        .layer(DefaultBodyLimit::disable())
        .layer(map_response(response::mark))
        .with_state(door)
}

fn reading_routes() -> Router<ElasticsearchDoor> {
    Router::new()
        .route("/_search", query(search::search_all))
        .route("/{index}/_search", query(search::search_index))
        .route("/_msearch", query(search::msearch_all))
        .route("/{index}/_msearch", query(search::msearch_index))
        .route("/_count", query(search::count_all))
        .route("/{index}/_count", query(search::count_index))
        .route("/_mapping", get(indices::mapping_all).fallback(not_found))
        .route("/{index}/_mapping", get(indices::mapping_index).fallback(not_found))
        .route("/_field_caps", query(indices::field_caps_all))
        .route("/{index}/_field_caps", query(indices::field_caps_index))
        .route("/_refresh", query(indices::refresh_all))
        .route("/{index}/_refresh", query(indices::refresh_index))
        .route("/_cat/indices", get(indices::cat).fallback(not_found))
        .route("/_cat/indices/{index}", get(indices::cat_index).fallback(not_found))
        // Only existence is asked of a bare name: every other method belongs to other doors.
        .route("/{index}", head(indices::exists).fallback(not_found))
}

fn server_routes() -> Router<ElasticsearchDoor> {
    Router::new()
        .route("/_cluster/health", get(server::health).fallback(not_found))
        .route("/_cluster/health/{index}", get(server::health).fallback(not_found))
        .route("/_license", get(server::license).fallback(not_found))
        .route("/_xpack", get(server::xpack).fallback(not_found))
        .route("/_nodes", get(server::nodes).fallback(not_found))
        .route("/_nodes/{*rest}", get(server::nodes).fallback(not_found))
        .route("/_index_template/{name}", server::absent("index template"))
        .route("/_template/{name}", server::absent("template"))
        .route("/_component_template/{name}", server::absent("component template"))
        .route("/_ilm/policy/{name}", server::absent("lifecycle policy"))
        .route("/_ingest/pipeline/{name}", server::absent("ingest pipeline"))
        .route("/_data_stream/{name}", server::absent("data stream"))
}

/// Clients ask with GET and a body, or with POST.
fn query<H, T>(handler: H) -> axum::routing::MethodRouter<ElasticsearchDoor>
where
    H: Handler<T, ElasticsearchDoor>,
    T: 'static,
{
    get(handler.clone()).post(handler).fallback(not_found)
}
