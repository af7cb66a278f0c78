//! Certificates that checks have seen.

use super::super::Reading;
use std::time::SystemTime;

/// Characters of a fingerprint in a node's name: enough to tell two certificates of one check apart.
const FINGERPRINT_CHARS: usize = 8;
const DAY_SECONDS: f64 = 86_400.0;

/// A certificate that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of it, in hexadecimal.
    pub fingerprint: String,
    /// Until when it is valid.
    pub not_after: SystemTime,
}

impl Certificate {
    /// Days until its end; negative after it.
    pub fn days_left(&self, now: SystemTime) -> f64 {
        match self.not_after.duration_since(now) {
            Ok(left) => left.as_secs_f64() / DAY_SECONDS,
            Err(past) => -past.duration().as_secs_f64() / DAY_SECONDS,
        }
    }

    /// Its node: `certificate/website:3fa9c2d1`. With the fingerprint in its name another certificate is another node: what
    /// rules told of the one they tell of the other anew.
    pub(super) fn reading(&self, check: &str, now: SystemTime) -> Reading {
        let short: String = self.fingerprint.chars().take(FINGERPRINT_CHARS).collect();
        let days = self.days_left(now);
        let detail = match days {
            days if days < 0.0 => format!("the certificate of {check} ended {:.0} days ago", -days),
            days => format!("the certificate of {check} ends in {:.0} days", days.floor()),
        };
        Reading::new(["certificate/", check, ":", &short].concat())
            .with("days-left", (days * 10.0).floor() / 10.0)
            .detailed(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn another_certificate_is_another_node() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 100);
        let certificate = |fingerprint: &str| Certificate {
            fingerprint: fingerprint.to_owned(),
            not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 106 + 43_200),
        };
        let (old, new) = (certificate("3fa9c2d1aa"), certificate("00a9c2d1aa"));
        let reading = old.reading("website", now);
        assert_eq!(reading.node, "certificate/website:3fa9c2d1");
        assert_eq!(reading.values, [("days-left", 6.5)]);
        assert_eq!(
            reading.detail.as_deref(),
            Some("the certificate of website ends in 6 days")
        );
        assert_ne!(new.reading("website", now).node, reading.node);
        assert!(old.days_left(now + Duration::from_secs(86_400 * 7)) < 0.0);
    }
}
