//! The listeners of HTTP, where something is enabled that they serve.

use super::{ServerError, host};
use crate::config::Settings;
use crate::net::local::Desk;
use crate::web::{Token, Web};
use std::sync::Arc;

/// Starts them, on the current runtime.
///
/// # Errors
/// There is no token, or an address is taken.
pub fn start(settings: &Settings, desk: &Arc<Desk>) -> Result<Option<Web>, ServerError> {
    let options = settings.web_options(settings.host(host::name));
    if !options.is_enabled() || options.listen.is_empty() {
        return Ok(None);
    }
    if let Some(open) = options.listen.iter().find(|address| !address.ip().is_loopback()) {
        tracing::warn!(address = %open, "HTTP is served beyond this machine, without TLS: the token can be read on the way");
    }
    let token = Token::load(&settings.token_file()).map_err(ServerError::new)?;
    let web = Web::start(options, token, Arc::clone(desk));
    web.map(Some)
        .map_err(|error| ServerError::new(format!("HTTP cannot be served: {error}")))
}
