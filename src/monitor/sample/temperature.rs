//! Temperatures: sysinfo's components.

use super::draft::Draft;
use sysinfo::Components;

/// The reader.
pub(super) struct Temperatures(Option<Components>);

impl Default for Temperatures {
    fn default() -> Temperatures {
        Temperatures(Components::new().ok())
    }
}

impl Temperatures {
    pub(super) fn read(&mut self, draft: &mut Draft) {
        let Some(components) = &mut self.0 else { return };
        components.refresh(true);
        let mut highest: Option<f64> = None;
        for component in components.iter() {
            let Some(current) = component.temperature().map(f64::from).filter(|value| value.is_finite()) else {
                continue;
            };
            highest = Some(highest.map_or(current, |highest| highest.max(current)));
            let name = member_name(component.label());
            draft.put_member("temperature", &name, "current", Some(current));
            draft.put_member("temperature", &name, "critical", component.critical().map(f64::from));
        }
        draft.put("temperature", "highest", highest);
    }
}

/// `coretemp Core 0` as a node name: `coretemp-core-0`.
fn member_name(label: &str) -> String {
    let word = |c: char| {
        if c.is_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    label.trim().chars().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_becomes_a_stable_name() {
        assert_eq!(member_name("coretemp Core 0"), "coretemp-core-0");
    }
}
