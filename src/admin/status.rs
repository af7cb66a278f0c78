//! `watchpost status`.

use super::protocol::{Answer, Request, StatusReport};
use super::{AdminError, ask};
use std::path::Path;

/// How the appliance on this data directory does.
///
/// # Errors
/// It does not run, or cannot be asked.
pub fn status(data: &Path) -> Result<String, AdminError> {
    match ask(data, &Request::Status)? {
        Some(Answer::Status(report)) => Ok(report.to_string()),
        Some(Answer::Failed(why)) => Err(AdminError(why)),
        Some(_) => Err(AdminError("the appliance that runs is of another version".to_owned())),
        None => Err(AdminError(format!(
            "no appliance runs on the data in {}: 'watchpost run' starts it",
            data.display()
        ))),
    }
}

impl std::fmt::Display for StatusReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.store_bytes.map_or("size unknown".to_owned(), size);
        writeln!(
            f,
            "watchpost    {}, process {}, running for {}",
            self.version,
            self.pid,
            age(self.uptime_secs)
        )?;
        writeln!(f, "domain       {}", self.domain)?;
        writeln!(f, "host         {}", self.host)?;
        for (on, title) in self
            .listening
            .iter()
            .zip(std::iter::once("listening").chain(std::iter::repeat("")))
        {
            writeln!(f, "{title:<11}  {} on {}", on.transport, on.address)?;
        }
        writeln!(f, "sessions     {}, of {} accounts", self.sessions, self.accounts)?;
        writeln!(f, "certificate  {} days left", self.certificate_days)?;
        writeln!(f, "store        {}, {size}", self.store.display())?;
        match &self.store_trouble {
            Some(trouble) => writeln!(f, "trouble      {trouble}"),
            None => Ok(()),
        }
    }
}

fn size(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024)
}

fn age(secs: u64) -> String {
    match secs {
        0..60 => format!("{secs} s"),
        60..3_600 => format!("{} min", secs / 60),
        3_600..86_400 => format!("{} h {} min", secs / 3_600, secs % 3_600 / 60),
        _ => format!("{} d {} h", secs / 86_400, secs % 86_400 / 3_600),
    }
}
