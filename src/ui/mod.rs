//! The pages, and the browser files that `build.rs` embeds.
//!
//! In: a browser's requests below `/ui`. Out: complete HTML pages whose state is their address, the
//! hashed files they need, and for every failure a page that says what to do. Every page stands
//! without JavaScript: forms by GET, first tables rendered here; scripts find their data in JSON
//! blocks and upgrade marked elements. Deliberately absent: what may be asked and by whom
//! (`service`), the JSON that scripts fetch (`protocols`, `api`), state on the server.

mod address;
mod assets;
mod format;
mod time_text;
mod range;
mod headers;
mod shell;
mod render;
mod sparkline;
mod ask;
mod chart;
mod gauge;
mod theme;
mod go;
mod pages;

use std::path::PathBuf;

use axum::Router;
use axum::routing::get;

use crate::base::clock::SharedClock;
use crate::service::Services;
use crate::ui::assets::Assets;

/// What the pages need.
#[derive(Clone)]
pub struct UiState {
    services: Services,
    clock: SharedClock,
    assets: Assets,
}

impl UiState {
    /// Joins the pages with what answers their questions. With `files` the browser files are read
    /// from that directory at each request, instead of those in the binary.
    pub fn new(services: Services, clock: SharedClock, files: Option<PathBuf>) -> Self {
        UiState { services, clock, assets: Assets::new(files) }
    }
}

/// Returns the routes below `/ui`, and the one of Prometheus' page to which alerts link.
pub fn routes(state: UiState) -> Router {
    Router::new()
        .merge(pages::routes())
        .route("/ui/go", get(go::go))
        .route("/graph", get(go::graph))
        .route("/ui/theme", get(theme::choose))
        .route("/ui/static/{file}", get(assets::serve))
        .with_state(state)
}

#[cfg(test)]
mod tests;
