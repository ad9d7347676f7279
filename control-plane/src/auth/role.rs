//! Roles, and the permissions that each has: the only table of it.

use domain::site::UnknownWord;

/// What a token says its bearer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The platform's: everything.
    Admin,
    /// The platform's: everything but the platform's settings.
    Operator,
    /// The platform's: reads.
    Auditor,
    /// The platform's: brings costs in, and nothing that this API has.
    Collector,
    /// A customer's: everything of the customer.
    Owner,
    /// A customer's: changes sites.
    Member,
    /// A customer's: reads.
    Viewer,
    /// A customer's pipeline: reads and plans.
    Ci,
}

impl Role {
    const ALL: [Self; 8] = [
        Self::Admin,
        Self::Operator,
        Self::Auditor,
        Self::Collector,
        Self::Owner,
        Self::Member,
        Self::Viewer,
        Self::Ci,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Collector => "collector",
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Viewer => "viewer",
            Self::Ci => "ci",
        }
    }

    /// Whether the role has permission `P`; where not, why, in words for the person.
    pub(crate) fn denied<P: Permission>(self) -> Option<String> {
        (!P::is_held_by(self)).then(|| format!("your role {self} may not {}", P::TO))
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownWord::new("role", text, &Self::ALL.map(Self::as_str)))
    }
}

/// Something that a role may be allowed to do.
pub(crate) trait Permission: Send + Sync + 'static {
    /// Completes "the role … may not".
    const TO: &'static str;
    /// Whether the token may also come as the password of Basic.
    const BY_PASSWORD: bool = false;
    /// What a 401 asks for.
    const CHALLENGE: &'static str = "Bearer realm=\"siteplane\"";

    /// Whether the role has it.
    fn is_held_by(role: Role) -> bool;
}

/// Reads sites and deployments.
#[derive(Debug)]
pub(crate) enum Read {}

impl Permission for Read {
    const TO: &'static str = "read sites and deployments";

    fn is_held_by(role: Role) -> bool {
        role != Role::Collector
    }
}

/// Changes sites and decides about their deployments.
#[derive(Debug)]
pub(crate) enum Change {}

impl Permission for Change {
    const TO: &'static str = "change sites";

    fn is_held_by(role: Role) -> bool {
        matches!(role, Role::Admin | Role::Operator | Role::Owner | Role::Member)
    }
}

/// Asks what a change would do.
#[derive(Debug)]
pub(crate) enum Plan {}

impl Permission for Plan {
    const TO: &'static str = "plan changes";

    fn is_held_by(role: Role) -> bool {
        Change::is_held_by(role) || role == Role::Ci
    }
}

/// Reads a site's secrets.
#[derive(Debug)]
pub(crate) enum Reveal {}

impl Permission for Reveal {
    const TO: &'static str = "read a site's secrets";

    fn is_held_by(role: Role) -> bool {
        Change::is_held_by(role)
    }
}

/// Reads and, inside a manual deployment, writes Terraform's state, which has every secret of the site in it.
#[derive(Debug)]
pub(crate) enum ReadState {}

impl Permission for ReadState {
    const TO: &'static str = "read Terraform's state";
    const BY_PASSWORD: bool = true;
    const CHALLENGE: &'static str = "Basic realm=\"siteplane\"";

    fn is_held_by(role: Role) -> bool {
        matches!(role, Role::Admin | Role::Operator | Role::Owner)
    }
}

/// Reads what belongs to no customer.
#[derive(Debug)]
pub(crate) enum ReadPlatform {}

impl Permission for ReadPlatform {
    const TO: &'static str = "read what belongs to the platform";

    fn is_held_by(role: Role) -> bool {
        matches!(role, Role::Admin | Role::Operator | Role::Auditor)
    }
}
