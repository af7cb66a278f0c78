//! What was advertised, as XEP-0474 has both sides hash it.

use crate::stream::Mechanism;
use crate::stream::sasl::ChannelBindings;

/// Between two names.
const NEXT: &str = "\u{1e}";
/// Between mechanisms and channel-binding types.
const TYPES: &str = "\u{1f}";

/// The mechanisms and, where they are advertised (XEP-0440), the channel-binding types: each list sorted by octets
/// (XEP-0474 section "Server Sends Downgrade Protection Hash").
pub fn advertised(mechanisms: &[Mechanism], bindings: &ChannelBindings) -> String {
    let mechanisms_sorted = sorted(mechanisms.iter().map(|mechanism| mechanism.as_str()));
    match mechanisms.iter().any(|mechanism| mechanism.binds_channel()) {
        true => [mechanisms_sorted, sorted(bindings.kinds())].join(TYPES),
        false => mechanisms_sorted,
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.join(NEXT)
}
