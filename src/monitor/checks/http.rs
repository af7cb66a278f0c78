//! What an HTTP answer means.

use super::{State, Verdict};
use std::path::PathBuf;
use std::time::Duration;

/// One HTTP check.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// The address, `http:` or `https:`. Redirects are not followed: they are an answer.
    pub url: String,
    /// The statuses that are well; empty: 200 to 399.
    pub status: Vec<u16>,
    /// What the body must hold.
    pub keyword: Option<String>,
    /// An answer that takes longer is a warning.
    pub slow: Option<Duration>,
    /// The authorities that are trusted (PEM); the system's without.
    pub authorities: Option<PathBuf>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The body's beginning; empty where no keyword is looked for.
    pub body: Vec<u8>,
    /// From the beginning to the end of it.
    pub time: Duration,
}

impl HttpCheck {
    /// Judges an answer.
    pub fn judge(&self, answer: &HttpAnswer) -> Verdict {
        let HttpAnswer { status, body, time } = answer;
        let expected = match self.status.as_slice() {
            [] => (200..400).contains(status),
            listed => listed.contains(status),
        };
        let holds = |keyword: &String| memchr::memmem::find(body, keyword.as_bytes()).is_some();
        let verdict = match (&self.keyword, self.slow) {
            _ if !expected => Verdict::down(&format!("HTTP status {status}")),
            (Some(keyword), _) if !holds(keyword) => {
                Verdict::down(&format!("HTTP status {status}, but the page lacks '{keyword}'"))
            }
            (_, Some(slow)) if *time > slow => Verdict::new(State::Warning, &format!("slow: {} ms", time.as_millis())),
            _ => Verdict::new(State::Well, &format!("HTTP status {status} in {} ms", time.as_millis())),
        };
        Verdict {
            status: Some(*status),
            ..verdict
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_keyword_and_time_are_judged_in_this_order() {
        let check = HttpCheck {
            url: "https://mon.example/".to_owned(),
            status: Vec::new(),
            keyword: Some("well".to_owned()),
            slow: Some(Duration::from_secs(1)),
            authorities: None,
        };
        let answer = |status: u16, body: &str, millis: u64| HttpAnswer {
            status,
            body: body.as_bytes().to_vec(),
            time: Duration::from_millis(millis),
        };
        let state = |status, body, millis| check.judge(&answer(status, body, millis)).state;
        assert_eq!(state(200, "all is well", 20), State::Well);
        assert_eq!(state(301, "all is well", 20), State::Well);
        assert_eq!(state(200, "all is well", 1_200), State::Warning);
        assert_eq!(state(200, "alas", 20), State::Critical);
        assert_eq!(state(503, "all is well", 20), State::Critical);
        let only = HttpCheck {
            status: vec![401],
            keyword: None,
            ..check.clone()
        };
        assert_eq!(only.judge(&answer(401, "", 1)).state, State::Well);
        assert_eq!(only.judge(&answer(200, "", 1)).detail, "HTTP status 200");
    }
}
