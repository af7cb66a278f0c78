//! A message on its way through an account: what modules are shown of it, and what they may do with it.

use super::Session;
use super::delivery::MessageType;
use super::sessions::Resources;
use super::sink::Copies;
use crate::stanza::{Hints, Stanza};
use crate::xml::{Address, Rope};
use bytes::Bytes;
use jid::{BareJid, Jid};
use std::sync::{Arc, OnceLock};

/// A message as it passes one account: its sender's, on the way out, or its recipient's, on the way in. What is appended
/// or cut concerns that account's side alone: its resources, its archive, its offline messages.
pub struct Passage<'a> {
    /// The account that it passes.
    pub account: &'a BareJid,
    /// The message, as its sender wrote it.
    pub stanza: &'a Stanza,
    /// Who sent it.
    pub from: &'a Jid,
    /// Whom it addresses; its sender's own account where it says nothing.
    pub to: &'a Jid,
    /// Its type.
    pub kind: MessageType,
    /// What it holds for those who keep and copy it.
    pub hints: Hints,
    lang: Option<&'a str>,
    resources: Resources,
    cut: Vec<usize>,
    append: Vec<Bytes>,
    is_copied: bool,
    copies: OnceLock<Arc<Copies>>,
}

impl<'a> Passage<'a> {
    pub(super) fn new(
        account: &'a BareJid,
        (from, to): (&'a Jid, &'a Jid),
        stanza: &'a Stanza,
        lang: Option<&'a str>,
        resources: Resources,
    ) -> Passage<'a> {
        Passage {
            account,
            stanza,
            from,
            to,
            kind: MessageType::of(&stanza.frame),
            hints: Hints::of(&stanza.frame),
            lang,
            resources,
            cut: Vec::new(),
            append: Vec::new(),
            is_copied: false,
            copies: OnceLock::new(),
        }
    }

    /// All sessions of the account.
    pub fn sessions(&self) -> &[Arc<Session>] {
        &self.resources
    }

    /// The account's localpart: its name.
    pub fn node(&self) -> &str {
        self.account.node().map_or("", |node| node.as_str())
    }

    /// Whether sender and recipient are one account.
    pub fn is_to_oneself(&self) -> bool {
        self.from.node() == self.to.node() && self.from.domain() == self.to.domain()
    }

    /// Whether it is part of a conversation between two people: of type chat or normal.
    pub fn is_conversation(&self) -> bool {
        matches!(self.kind, MessageType::Chat | MessageType::Normal)
    }

    /// Appends a child: a serialised element that declares its own namespace.
    pub fn append(&mut self, child: Bytes) {
        self.append.push(child);
    }

    /// Cuts a child, by its index.
    pub fn cut(&mut self, child: usize) {
        self.cut.push(child);
    }

    /// Says that other resources of the account than those that it is delivered to get copies of it.
    pub fn copy(&mut self) {
        self.is_copied = true;
    }

    /// Whether other resources of the account get copies of it.
    pub fn is_copied(&self) -> bool {
        self.is_copied
    }

    /// What all resources that are given it share; for after the modules have changed it.
    pub(super) fn copies(&self) -> &Arc<Copies> {
        self.copies.get_or_init(|| Copies::new(self.rope()))
    }

    /// Gives another resource what stands for the message, such as a carbon (XEP-0280): when all that were given either
    /// return it, the message finds another way. `false` when that session ends and takes nothing.
    pub fn give_copy(&self, session: &Session, rope: Rope) -> bool {
        // What none has goes another way already.
        match self.copies.get().filter(|copies| copies.is_held()) {
            Some(copies) => session.sink().push_copy(rope, copies),
            None => session.sink().push(rope, None),
        }
    }

    /// The message as it is delivered, for the stream of a session.
    pub fn rope(&self) -> Rope {
        self.written(false)
    }

    /// The message as it is delivered, self-contained: to be kept, or to be forwarded (XEP-0297).
    pub fn standalone(&self) -> Rope {
        self.written(true)
    }

    fn written(&self, standalone: bool) -> Rope {
        let address = Address {
            from: Some(self.from.as_str()),
            to: self.stanza.to.is_none().then_some(self.to.as_str()),
            lang: self.lang,
            standalone,
        };
        self.stanza.frame.deliver(&address, &self.cut, &self.append)
    }
}
