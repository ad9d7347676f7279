//! Permissions as types: a handler names what it needs in its signature. Which role holds what is in
//! [`domain::access`], which operation needs what in [`super::operations`].

use db::tokens::{Bearer, Proof};
use domain::access::{self, Permissions, Role};

use crate::error::ApiError;

/// A permission that a handler asks for.
pub(crate) trait Permission: Send + Sync + 'static {
    /// Which one.
    const PERMISSION: access::Permission;
    /// Whether the token may also come as the password of Basic.
    const BY_PASSWORD: bool = false;
    /// What a 401 asks for.
    const CHALLENGE: &'static str = BEARER;
}

/// What a 401 asks for.
pub(crate) const BEARER: &str = "Bearer realm=\"siteplane\"";

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $permission:ident $({ $($more:tt)+ })?;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl Permission for $name {
            const PERMISSION: access::Permission = access::Permission::$permission;
            $($($more)+)?
        }
    )+};
}

permissions! {
    /// Reads sites and deployments.
    Read = ReadSites;
    /// Changes sites and decides about their deployments.
    Change = ChangeSites;
    /// Asks what a change would do.
    Plan = PlanChanges;
    /// Reads a site's secrets.
    Reveal = RevealSecrets;
    /// Reads and, inside a manual deployment, writes Terraform's state.
    ReadState = ReadState {
        // Terraform's http backend can send nothing else.
        const BY_PASSWORD: bool = true;
        const CHALLENGE: &'static str = "Basic realm=\"siteplane\"";
    };
    /// Reads what belongs to no customer.
    ReadPlatform = ReadPlatform;
    /// Reads a customer.
    ReadCustomer = ReadCustomer;
    /// Makes, changes and suspends customers.
    ManageCustomers = ManageCustomers;
    /// Reads who belongs to a customer.
    ReadMembers = ReadMembers;
    /// Invites people and changes what they may do.
    ManageMembers = ManageMembers;
    /// Makes and revokes API tokens.
    ManageTokens = ManageTokens;
}

/// What a caller may do, and in whose words it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// A built-in role; none is one of the customer's own.
    role: Option<Role>,
    held: Permissions,
    /// Why something that the role has is not held now.
    limit: Option<Limit>,
}

/// Why a caller may do less than the role says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The customer is suspended: only reading is left.
    Suspended,
    /// The customer is deactivated: nothing is left.
    Deactivated,
    /// The platform's people need a second factor, and this session began without.
    SecondFactor,
    /// The token was narrowed when it was made.
    Scopes,
}

impl Rights {
    /// What a bearer may do.
    ///
    /// # Errors
    /// The database has a role or permission that this program does not know.
    pub(crate) fn of(bearer: &Bearer, second_factor_for_platform: bool) -> Result<Self, ApiError> {
        let parse = |keys: &[String]| -> Result<Permissions, ApiError> {
            keys.iter()
                .map(|key| key.parse::<access::Permission>().map_err(ApiError::internal))
                .collect()
        };
        let (role, whole) = match &bearer.permissions {
            // A permission that became the platform's after the role was made is not held.
            Some(keys) => (None, parse(keys)?.filter(access::Permission::is_for_customers)),
            None => {
                let role: Role = bearer.role.parse().map_err(ApiError::internal)?;
                (Some(role), role.permissions())
            }
        };
        let mut rights = Self {
            role,
            held: whole,
            limit: None,
        };
        if let Some(scopes) = &bearer.scopes {
            rights.narrow(Limit::Scopes, parse(scopes)?);
        }
        match bearer.customer_status.as_deref() {
            Some("suspended") => {
                rights.narrow(Limit::Suspended, whole.filter(access::Permission::only_reads));
            }
            Some("deactivated") => rights.narrow(Limit::Deactivated, Permissions::default()),
            _ => {}
        }
        if let Proof::Session { methods, .. } = &bearer.proof
            && second_factor_for_platform
            && bearer.customer.is_none()
            && !methods.iter().any(|method| is_second_factor(method))
        {
            rights.narrow(Limit::SecondFactor, Permissions::default());
        }
        Ok(rights)
    }

    fn narrow(&mut self, limit: Limit, to: Permissions) {
        if !self.held.is_within(to) {
            self.held = self.held.and(to);
            self.limit = Some(limit);
        }
    }

    /// Everything that is held now.
    pub(crate) fn held(self) -> Permissions {
        self.held
    }

    /// Why the caller may do less than the role says, if so.
    pub(crate) fn limit(self) -> Option<Limit> {
        self.limit
    }

    /// Why the caller may not do what `P` lets them, in words for the person.
    pub(crate) fn denied<P: Permission>(self) -> Option<String> {
        if self.held.contains(P::PERMISSION) {
            return None;
        }
        let to = P::PERMISSION.to();
        let has_it = |role: Role| role.permissions().contains(P::PERMISSION);
        Some(match (self.limit, self.role) {
            (Some(Limit::Suspended), role) if role.is_none_or(has_it) => {
                format!("the customer is suspended and may not {to} until that is lifted")
            }
            (Some(Limit::Deactivated), _) => format!("the customer is deactivated and may not {to}"),
            (Some(Limit::SecondFactor), _) => {
                format!(
                    "a person of the platform may not {to} before they set up a second factor and sign in with it"
                )
            }
            (Some(Limit::Scopes), role) if role.is_none_or(has_it) => {
                format!(
                    "the token was not given the scope {}: it may not {to}",
                    P::PERMISSION
                )
            }
            (_, Some(role)) => format!("your role {role} may not {to}"),
            (_, None) => format!("your role may not {to}"),
        })
    }

    /// 403 where [`Rights::denied`] says why.
    ///
    /// # Errors
    /// The caller does not hold `P`.
    pub(crate) fn require<P: Permission>(self) -> Result<(), ApiError> {
        match self.denied::<P>() {
            None => Ok(()),
            Some(why) => Err(ApiError::forbidden(why)),
        }
    }

    /// Whether everything that a role may do, the caller may do too: nobody hands out more than they have.
    pub(crate) fn covers(self, other: Permissions) -> bool {
        other.is_within(self.held)
    }
}

/// Whether a way to sign in is more than something that one knows.
pub(crate) fn is_second_factor(method: &str) -> bool {
    matches!(method, "totp" | "recovery_code" | "trusted_provider")
}
