//! What every state of a stream works on: the parser, the output, the event on its way.

use crate::stream::{Event, Options, StreamError, header};
use crate::xml::{Event as Parsed, Limits, StreamParser, Writer, XmlError};
use jid::Jid;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Wire {
    options: Arc<Options>,
    parser: StreamParser,
    output: Vec<u8>,
    event: Option<Event>,
    lang: Option<Box<str>>,
    header_written: bool,
    invites: bool,
}

impl Wire {
    pub(super) fn new(options: Arc<Options>) -> Wire {
        let parser = StreamParser::new(options.limits_before_authentication);
        Wire {
            options,
            parser,
            output: Vec::new(),
            event: None,
            lang: None,
            header_written: false,
            invites: false,
        }
    }

    /// Begins anew, as after STARTTLS and SASL: nothing of the stream before survives (RFC 6120 sections 5.4.3.3, 6.4.6).
    pub(super) fn restart(&mut self, limits: impl FnOnce(&Options) -> Limits) {
        self.parser = StreamParser::new(limits(&self.options));
        self.lang = None;
        self.header_written = false;
    }

    /// Other limits on the same stream, from the next element on.
    pub(super) fn go_on(&mut self, limits: impl FnOnce(&Options) -> Limits) {
        self.parser.set_limits(limits(&self.options));
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.parser.feed(bytes);
    }

    pub(super) fn parse(&mut self) -> Result<Option<Parsed>, XmlError> {
        self.parser.next()
    }

    /// Whether the peer has sent nothing ahead but whitespace: required where the stream restarts.
    pub(super) fn is_quiet(&mut self) -> bool {
        matches!(self.parser.next(), Ok(None)) && self.parser.pending() == 0
    }

    pub(super) fn pending(&self) -> usize {
        self.parser.pending()
    }

    /// Leaves an event to the caller. One at a time: states that ask do not read on.
    pub(super) fn emit(&mut self, event: Event) {
        debug_assert!(self.event.is_none(), "an event would be lost");
        self.event = Some(event);
    }

    pub(super) fn take_event(&mut self) -> Option<Event> {
        self.event.take()
    }

    pub(super) fn write(&mut self, fill: impl FnOnce(&mut Writer, &Options)) {
        let mut writer = Writer::new();
        fill(&mut writer, &self.options);
        self.output.extend_from_slice(&writer.finish());
    }

    /// Writes our header, once a stream.
    pub(super) fn write_header(&mut self, to: Option<&Jid>) -> Result<(), StreamError> {
        if self.header_written {
            return Ok(());
        }
        let mut writer = Writer::new();
        header::write(&mut writer, &self.options, to)?;
        self.output.extend_from_slice(&writer.finish());
        self.header_written = true;
        Ok(())
    }

    /// Writes the error, if any, and the closing tag; our header before them if it was not written yet (RFC 6120
    /// section 4.9.1.2).
    pub(super) fn write_end(&mut self, error: Option<&StreamError>) {
        // Without randomness there is no header, and nothing can be said.
        if self.write_header(None).is_err() {
            return;
        }
        self.write(|writer, _| {
            if let Some(error) = error {
                error.write(writer);
            }
            writer.raw(b"</stream:stream>");
        });
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    pub(super) fn set_lang(&mut self, lang: Option<&str>) {
        self.lang = lang.map(Box::from);
    }

    pub(super) fn lang(&self) -> Option<&str> {
        self.lang.as_deref()
    }

    pub(super) fn set_invites(&mut self) {
        self.invites = true;
    }

    /// Whether registration is offered.
    pub(super) fn invites(&self) -> bool {
        self.invites
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }
}
