//! One identifier type per table, so that a customer's id can't be passed as a site's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier, ordered by the time at which it was made (UUID version 7).
            #[expect(clippy::new_without_default, reason = "an identifier has no default value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// A customer: the tenant that owns sites.
    CustomerId,
    /// A person who signs in.
    UserId,
    /// An API token; its secret is not part of the id.
    ApiTokenId,
    /// Credentials and settings of one account at one cloud.
    CloudAccountId,
    /// A site.
    SiteId,
    /// One run of Terraform for a site, from queue to final status.
    DeploymentId,
    /// One stored version of a site's Terraform state.
    StateVersionId,
    /// A worker process, from its start to its end.
    WorkerId,
    /// One line of the audit log.
    AuditEventId,
    /// A role that a customer made out of permissions.
    RoleId,
    /// A sign-in and the family of refresh tokens that goes with it.
    SessionId,
    /// An invitation; its secret is not part of the id.
    InvitationId,
    /// A key that signs access tokens: the `kid` in their header.
    SigningKeyId,
    /// A mail in the outbox.
    MailId,
}
