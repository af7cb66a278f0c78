//! Pressure stall information: the share of time in which tasks waited for CPU, memory or disks (the kernel's
//! Documentation/accounting/psi.rst). Absent on kernels that do not account for it.

use super::draft::Draft;
use super::text;

const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];
/// Values by line and field.
const SHARES: [(&str, &str, &str); 6] = [
    ("some-10", "some", "avg10"),
    ("some-60", "some", "avg60"),
    ("some-300", "some", "avg300"),
    ("full-10", "full", "avg10"),
    ("full-60", "full", "avg60"),
    ("full-300", "full", "avg300"),
];

pub(super) fn read(draft: &mut Draft) {
    for resource in RESOURCES {
        let stalls = text(&["/proc/pressure/", resource].concat());
        for (name, line, field) in SHARES {
            draft.put_member("pressure", resource, name, share(&stalls, line, field));
        }
        draft.put("pressure", resource, share(&stalls, "some", "avg60"));
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn share(stalls: &str, line: &str, field: &str) -> Option<f64> {
    let fields = stalls
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(' '))?;
    let mut pairs = fields.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == field)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stand_in_lines_by_name() {
        let stalls =
            "some avg10=1.50 avg60=0.25 avg300=0.00 total=11\nfull avg10=0.75 avg60=0.10 avg300=0.00 total=5\n";
        assert_eq!(share(stalls, "some", "avg60"), Some(0.25));
        assert_eq!(share(stalls, "full", "avg10"), Some(0.75));
        // Older kernels have no `full` line for the CPU.
        assert_eq!(share("some avg10=1.50 avg60=0.25", "full", "avg10"), None);
        assert_eq!(share("some avg10=x", "some", "avg10"), None);
        assert_eq!(share("", "some", "avg10"), None);
    }
}
