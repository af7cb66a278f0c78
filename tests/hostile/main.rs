//! Hostile input from outside, by the ids of the threat catalogue: what is refused, how, and that nothing of it
//! reaches anybody. A canary chats on all the while.

mod flood;
mod limits;
mod login;
mod network;
mod process;
mod relay;
mod scene;
mod stanza;
#[path = "../support/mod.rs"]
mod support;
mod xml;
