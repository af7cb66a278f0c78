//! What an account may do.

use serde::{Deserialize, Serialize};

/// An account's role, kept in its record. Ordered by power, `Collector` aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Publishes below its own host's nodes and answers its watchers; watches nothing, commands nothing.
    Collector,
    /// Watches collectors; statistics without process names.
    #[default]
    Viewer,
    /// Also alerts, acknowledgements, mutes, process names, the commands granted to operators.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// Whether it may invite somebody to have that role: operators invite viewers, admins everybody.
    pub fn may_invite(self, role: Role) -> bool {
        match self {
            Role::Admin => true,
            Role::Operator => role == Role::Viewer,
            Role::Viewer | Role::Collector => false,
        }
    }

    /// The role's name, as configuration and command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Collector => "collector",
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        [Role::Collector, Role::Viewer, Role::Operator, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("unknown role '{text}': use admin, operator, viewer or collector"))
    }
}
