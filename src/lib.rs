//! `watchpost`: a monitoring hub you talk to with any XMPP client.
//!
//! # Map
//! Rooms, bottom up; each imports only what stands before it (held by `tests/architecture.rs`): [`xml`], [`stanza`],
//! [`stream`], [`roster`], [`service`], [`store`], [`router`], [`modules`], [`monitor`], [`collector`], [`net`],
//! [`admin`], [`config`], [`server`].
#![forbid(unsafe_code)]

pub mod admin;
pub mod collector;
pub mod config;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod modules;
pub mod monitor;
pub mod net;
pub mod roster;
pub mod router;
pub mod server;
pub mod service;
pub mod stanza;
pub mod store;
pub mod stream;
pub mod web;
pub mod xml;
