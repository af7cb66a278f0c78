//! `watchpost unit`: how systemd is to run the appliance.

use super::ServerError;
use crate::config::Config;
use std::path::{Path, PathBuf};

/// What systemd keeps from the process whatever it tries; see systemd.exec(5). /proc stays whole: processes are watched.
const CONFINEMENT: &str = "\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
";

/// The unit for this configuration. Without a configuration file that names other places, data and certificates are in
/// /var/lib/watchpost, which systemd makes.
///
/// # Errors
/// The program's own path, or the working directory, cannot be told.
pub fn unit(config: &Config) -> Result<String, ServerError> {
    let failed = |error| ServerError::new(format!("the place of this program cannot be told: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut start = vec![quoted(&program), "run".to_owned()];
    let mut writable = Vec::new();
    match &config.file {
        Some(file) => {
            start.extend([
                "--config".to_owned(),
                quoted(&std::path::absolute(file).map_err(failed)?),
            ]);
            for (option, place) in [("--data", &config.settings.data), ("--certs", &config.settings.certs)] {
                let place = std::path::absolute(place).map_err(failed)?;
                start.extend([option.to_owned(), quoted(&place)]);
                writable.push(place);
            }
            writable.extend(config.settings.backup.directory.clone());
        }
        None => start.extend(
            [
                "--data",
                "/var/lib/watchpost/data",
                "--certs",
                "/var/lib/watchpost/certs",
            ]
            .map(str::to_owned),
        ),
    }
    Ok(text(&start.join(" "), &writable))
}

fn text(start: &str, writable: &[PathBuf]) -> String {
    let places: String = writable
        .iter()
        .map(|place| format!("ReadWritePaths=-{}\n", quoted(place)))
        .collect();
    let user = match writable.is_empty() {
        // systemd makes the user and the directory.
        true => "DynamicUser=yes\nStateDirectory=watchpost\nStateDirectoryMode=0700\n".to_owned(),
        false => format!("# Make it first: useradd --system --no-create-home watchpost\nUser=watchpost\n{places}"),
    };
    format!(
        "# /etc/systemd/system/watchpost.service
# The commands 'reboot' and 'shell' run confined as this is: what they need more of goes into a drop-in
# (systemctl edit watchpost).
[Unit]
Description=watchpost, a monitoring hub that speaks XMPP
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={start}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
# The appliance takes at most ten seconds.
TimeoutStopSec=15
LimitNOFILE=65536
MemoryMax=1G
{user}{CONFINEMENT}
[Install]
WantedBy=multi-user.target
"
    )
}

/// A word of a unit file: systemd.syntax(7) for quotes, systemd.unit(5) for `%`.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy().replace('%', "%%");
    match text.contains([' ', '"', '\'', '\\', '\t']) {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_with_blanks_and_percent_signs_stay_one_word() {
        let unit = text("/x run", &[PathBuf::from("/srv/a b%c")]);
        assert!(unit.contains("\nReadWritePaths=-\"/srv/a b%%c\"\n"), "{unit}");
        assert!(unit.contains("\nUser=watchpost\n") && !unit.contains("DynamicUser"));
        assert!(text("/x run", &[]).contains("\nDynamicUser=yes\n"));
    }
}
