//! The licences of what is inside the browser files.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

#[derive(Template)]
#[template(path = "licences.html")]
struct LicencesPage {
    shell: Shell,
    text: String,
}

/// Shows the texts that the bundler collected.
pub(crate) async fn page(
    State(state): State<UiState>,
    request: HeaderMap,
    address: Address,
) -> Response {
    let about = About { page: "licences", title: "Licences", has_range: false, refresh: "off" };
    let shell = Shell::new(&state, &request, &address, about);
    let nonce = shell.nonce.clone();
    render::page(&LicencesPage { shell, text: state.assets.licences() }, &nonce)
}
