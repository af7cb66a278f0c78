//! XEP-0441: Message Archive Management Preferences.

use crate::router::{Context, Session, refused_by_store};
use crate::stanza::{Condition, StanzaError, ns, parse_jid};
use crate::store::{ArchiveDefault, ArchivePrefs};
use crate::xml::{Build, Element, element};
use jid::Jid;

const DEFAULTS: [(&str, ArchiveDefault); 3] = [
    ("always", ArchiveDefault::Always),
    ("never", ArchiveDefault::Never),
    ("roster", ArchiveDefault::Roster),
];

/// Reads the preferences, or sets them; either way they are the answer.
///
/// # Errors
/// `bad-request` for an unknown default, `jid-malformed`, `resource-constraint` for lists that are too long.
pub fn answer(cx: &Context<'_>, session: &Session, payload: &Element, set: bool) -> Result<Element, StanzaError> {
    let archive = cx.store().archive();
    if set {
        let prefs = read(payload)?;
        let written = archive.set_prefs(session.node(), &prefs);
        cx.after(written.map_err(|error| refused_by_store(&error))?);
    }
    Ok(write(&archive.prefs(session.node())))
}

fn read(payload: &Element) -> Result<ArchivePrefs, StanzaError> {
    let default = payload.attr("default").unwrap_or_default();
    let default = DEFAULTS.iter().find(|(name, _)| *name == default);
    let (_, default) = default.ok_or(Condition::BadRequest)?;
    Ok(ArchivePrefs {
        default: *default,
        always: jids(payload, "always")?,
        never: jids(payload, "never")?,
    })
}

fn jids(payload: &Element, name: &str) -> Result<Vec<Jid>, StanzaError> {
    let lists = payload.children().filter(|child| child.is(name, ns::MAM));
    let jids = lists
        .flat_map(Element::children)
        .filter(|child| child.is("jid", ns::MAM));
    jids.map(|jid| parse_jid(&jid.text()).ok_or_else(|| Condition::JidMalformed.into()))
        .collect()
}

fn write(prefs: &ArchivePrefs) -> Element {
    let list = |name, jids: &[Jid]| {
        let jids = jids
            .iter()
            .map(|jid| element("jid", ns::MAM).append(jid.as_str()).build());
        element(name, ns::MAM).append_all(jids).build()
    };
    let default = DEFAULTS.iter().find(|(_, default)| *default == prefs.default);
    element("prefs", ns::MAM)
        .with_some("default", default.map(|(name, _)| *name))
        .append(list("always", &prefs.always))
        .append(list("never", &prefs.never))
        .build()
}
