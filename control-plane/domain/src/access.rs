//! Who may do what: the permissions that there are, and the roles that hold them. The only table of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::site::UnknownWord;

// `tt`, because the document's derive doesn't read a name that comes as `literal`.
macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $key:tt, $to:literal;)+) => {
        /// Something that a role may be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $key)] $name,)+
        }

        impl Permission {
            /// All that there are.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name in answers, tokens and custom roles.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)+ }
            }

            /// Completes "may not".
            pub const fn to(self) -> &'static str {
                match self { $(Self::$name => $to,)+ }
            }
        }
    };
}

permissions! {
    /// Sites, deployments, their events and logs; quotes and the catalogue.
    ReadSites = "sites:read", "read sites and deployments";
    /// Making, changing and removing sites, and deciding about their deployments.
    ChangeSites = "sites:change", "change sites";
    /// Asking what a change would do.
    PlanChanges = "plans:create", "plan changes";
    /// A site's own secrets, each reading written down.
    RevealSecrets = "secrets:reveal", "read a site's secrets";
    /// Terraform's state, which has every secret of the site in it; writing only inside a manual deployment.
    ReadState = "state:read", "read Terraform's state";
    /// The customer itself: name, tier, limits.
    ReadCustomer = "customer:read", "read customers";
    /// The customer's people, invitations and custom roles.
    ReadMembers = "members:read", "read who belongs to a customer";
    /// Inviting people, and changing or ending what they may do.
    ManageMembers = "members:manage", "manage a customer's members";
    /// Making and revoking API tokens.
    ManageTokens = "tokens:manage", "manage API tokens";
    /// Accounts at clouds and their credentials, which are never shown again.
    ManageCloudAccounts = "cloud_accounts:manage", "manage cloud accounts";
    /// The customer's white label.
    ManageBrand = "brand:manage", "manage a white label";
    /// The customer's connection to an OpenID provider.
    ManageSingleSignOn = "single_sign_on:manage", "manage single sign-on";
    /// The audit log.
    ReadAudit = "audit:read", "read the audit log";
    /// Making, changing, suspending and exporting customers.
    ManageCustomers = "customers:manage", "manage customers";
    /// What belongs to no customer: workers, the queue.
    ReadPlatform = "platform:read", "read what belongs to the platform";
    /// Bringing costs in.
    CollectCosts = "costs:collect", "bring costs in";
}

impl Permission {
    /// Whether a customer's own role may hold it; the others are for the platform's people.
    pub fn is_for_customers(self) -> bool {
        !matches!(
            self,
            Self::ManageCustomers | Self::ReadPlatform | Self::CollectCosts
        )
    }

    /// Whether it changes nothing. A suspended customer keeps these.
    pub fn only_reads(self) -> bool {
        matches!(
            self,
            Self::ReadSites | Self::ReadCustomer | Self::ReadMembers | Self::ReadAudit | Self::ReadPlatform
        )
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}

impl std::str::FromStr for Permission {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().find(|permission| permission.key() == text);
        found.copied().ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|permission| permission.key()).collect();
            UnknownWord::new("permission", text, &all)
        })
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    /// Whether the permission is in it.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// With one more.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | (1 << permission as u32))
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether everything in it is also in the other.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Those in it for which `holds`.
    #[must_use]
    pub fn filter(self, holds: impl Fn(Permission) -> bool) -> Self {
        self.iter().filter(|permission| holds(*permission)).collect()
    }

    /// Each one, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::default(), Self::with)
    }
}

impl std::fmt::Debug for Permissions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::key)).finish()
    }
}

/// The roles that Siteplane has by itself. A customer may make others out of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The platform's: everything.
    Admin,
    /// The platform's: everything but making and changing customers.
    Operator,
    /// The platform's: reads.
    Auditor,
    /// The platform's: brings costs in.
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
    /// All that there are.
    pub const ALL: [Self; 8] = [
        Self::Admin,
        Self::Operator,
        Self::Auditor,
        Self::Collector,
        Self::Owner,
        Self::Member,
        Self::Viewer,
        Self::Ci,
    ];

    /// What stands in the database and in answers.
    pub const fn as_str(self) -> &'static str {
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

    /// Whether it belongs to the platform and not to a customer.
    pub const fn is_platform(self) -> bool {
        matches!(
            self,
            Self::Admin | Self::Operator | Self::Auditor | Self::Collector
        )
    }

    /// Whether people have it; the others are for programs only.
    pub const fn is_for_people(self) -> bool {
        !matches!(self, Self::Collector | Self::Ci)
    }

    /// What it may do.
    pub fn permissions(self) -> Permissions {
        use Permission as P;
        let all = || P::ALL.iter().copied();
        match self {
            Self::Admin => all().collect(),
            Self::Operator => all()
                .filter(|permission| {
                    !matches!(
                        permission,
                        P::ManageCustomers | P::CollectCosts | P::ManageSingleSignOn
                    )
                })
                .collect(),
            Self::Auditor => all().filter(|permission| permission.only_reads()).collect(),
            Self::Collector => [P::CollectCosts].into_iter().collect(),
            Self::Owner => all().filter(|permission| permission.is_for_customers()).collect(),
            Self::Member => [
                P::ReadSites,
                P::ChangeSites,
                P::PlanChanges,
                P::RevealSecrets,
                P::ReadCustomer,
                P::ReadMembers,
            ]
            .into_iter()
            .collect(),
            Self::Viewer => [P::ReadSites, P::ReadCustomer, P::ReadMembers]
                .into_iter()
                .collect(),
            Self::Ci => [P::ReadSites, P::PlanChanges].into_iter().collect(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_a_bit_and_a_name_of_its_own() {
        let all: Permissions = Permission::ALL.iter().copied().collect();
        assert_eq!(all.iter().count(), Permission::ALL.len());
        assert!(Permission::ALL.len() <= 32);
        for permission in Permission::ALL {
            assert_eq!(permission.key().parse(), Ok(*permission));
            assert_eq!(
                serde_json::to_value(permission).unwrap(),
                serde_json::json!(permission.key())
            );
        }
        let error = "sites:burn".parse::<Permission>().unwrap_err().to_string();
        assert!(
            error.contains("sites:burn") && error.contains("sites:read"),
            "{error}"
        );
    }

    #[test]
    fn no_role_of_a_customer_holds_what_is_the_platforms() {
        for role in Role::ALL.into_iter().filter(|role| !role.is_platform()) {
            assert!(
                role.permissions().iter().all(Permission::is_for_customers),
                "{role}"
            );
            assert!(role.permissions().is_within(Role::Owner.permissions()), "{role}");
        }
    }

    #[test]
    fn a_role_that_only_reads_changes_nothing() {
        for role in [Role::Auditor, Role::Viewer] {
            assert!(role.permissions().iter().all(Permission::only_reads), "{role}");
        }
    }
}
