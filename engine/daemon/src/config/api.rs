//! `[api]`: where a running daemon answers.

use super::{Written, Wrong};
use serde::Deserialize;
use std::net::SocketAddr;
use toml::Spanned;

/// Where requests are answered.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) listen: SocketAddr,
    /// Where in a configuration it stands, as `file:line:column`.
    pub(crate) place: String,
}

/// This machine's own, so that nobody else reads what is not meant for them.
const USUAL: &str = "127.0.0.1:9100";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    listen: Option<Spanned<String>>,
}

pub(super) fn api(
    table: Option<Spanned<Table>>,
    written: &Written<'_>,
) -> Result<Option<Api>, Wrong> {
    let Some(table) = table else { return Ok(None) };
    let span = table.span();
    let listen = table.into_inner().listen.unwrap_or_else(|| Spanned::new(span, USUAL.to_string()));
    let wrong = || {
        let what = format!("an address is written {USUAL}, not \"{}\"", listen.get_ref());
        Wrong::new(listen.span(), what)
    };
    let address = listen.get_ref().parse().map_err(|_| wrong())?;
    Ok(Some(Api { listen: address, place: written.place(&listen.span()) }))
}
