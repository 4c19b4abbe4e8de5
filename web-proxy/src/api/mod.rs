//! The API for programs: the same as the pages, in JSON.
//!
//! Not here: pages ([`crate::site`]).

pub mod docs;
pub mod document;
pub mod logs;
pub mod tasks;
pub mod watch;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes, with their description.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(tasks::list, tasks::create))
        .routes(routes!(tasks::get, tasks::delete))
        .routes(routes!(tasks::cancel))
        .routes(routes!(tasks::retry))
        .routes(routes!(logs::follow))
        .routes(routes!(watch::watch))
}
