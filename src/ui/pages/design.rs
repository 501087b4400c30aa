//! Every component in every state, to look at while one changes them.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::render;
use crate::ui::shell::{About, Shell};
use crate::ui::sparkline::Sparkline;

#[derive(Template)]
#[template(path = "design.html")]
struct DesignPage {
    shell: Shell,
    sparkline: Sparkline,
}

/// Shows them.
pub(crate) async fn page(
    State(state): State<UiState>,
    request: HeaderMap,
    address: Address,
) -> Response {
    let about = About { page: "design", title: "Components", has_range: true, refresh: "off" };
    let shell = Shell::new(&state, &request, &address, about);
    let nonce = shell.nonce.clone();
    let wave: Vec<f64> = (0..60).map(|i| 8.0 + 6.0 * (f64::from(i) / 6.0).sin()).collect();
    render::page(&DesignPage { shell, sparkline: Sparkline::of(&wave) }, &nonce)
}
