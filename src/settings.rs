//! What the programs are told: `siteplane.toml`, and the environment (`SITEPLANE__SECTION__KEY`), which wins.
//!
//! Every key is declared here once, with its default; `siteplane.toml` says the same in words, and a test holds
//! the two together. Reading never stops at the first mistake: all of them come back at once.

mod reading;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use chrono::TimeDelta;
use control_plane::{Allowance, RateLimits};
use domain::{provider::World, specification::Secret};
use figment::{
    Figment,
    providers::{Format, Toml},
};
use ipnet::IpNet;
pub(crate) use reading::Problems;
use reading::{ProgramEnvironment, Reader};
use reqwest::Url;
use state::{
    keys::MasterKeys,
    store::{Patience, StoreSettings},
};
use worker::{
    MailAddress, MailDelivery, MailSettings, SmtpSecurity, SmtpSettings,
    settings::{Deadlines, LeaseTerms, SupervisorCommand},
};

/// The file that is read when no other is named.
pub(crate) const FILE: &str = "siteplane.toml";

macro_rules! settings {
    ($(
        $(#[$section_doc:meta])*
        $section:ident: $type:ident { $( $(#[$doc:meta])* $key:ident: $value:ty = $default:expr, )+ }
    )+) => {
        /// Everything that can be set.
        #[derive(Clone, Debug)]
        pub(crate) struct Settings {
            /// Whether customers depend on this installation.
            pub(crate) environment: Environment,
            $( $(#[$section_doc])* pub(crate) $section: $type, )+
        }

        $(
            $(#[$section_doc])*
            #[derive(Clone, Debug)]
            pub(crate) struct $type { $( $(#[$doc])* pub(crate) $key: $value, )+ }
        )+

        fn read_all(reader: &mut Reader) -> Settings {
            Settings {
                environment: reader.take("environment", Environment::Development),
                $( $section: $type {
                    $( $key: reader.take(concat!(stringify!($section), ".", stringify!($key)), $default), )+
                }, )+
            }
        }
    };
}

settings! {
    /// What is written to stderr.
    log: Log {
        /// Lines for people, or one JSON object a line for a log collector.
        format: LogFormat = LogFormat::Text,
        /// Which lines, in the words of tracing's filters.
        filter: String = "info,sqlx::postgres::notice=warn".to_owned(),
    }
    /// PostgreSQL.
    database: Database {
        /// Address for the programs' login, a member of Siteplane's four roles.
        url: Option<Secret> = None,
        /// Address for the owner of the schema: `migrate` and `admin` only.
        owner_url: Option<Secret> = None,
        /// Most connections of one process.
        max_connections: u32 = 20,
    }
    /// The HTTP API.
    api: Api {
        /// Where it listens.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 7600)),
        /// Where people reach it; without it `http://` and where it listens.
        public_url: Option<String> = None,
        /// Proxies in front of it, whose `X-Forwarded-For` is believed.
        trusted_proxies: Vec<IpNet> = Vec::new(),
    }
    /// How people sign in.
    sign_in: SignIn {
        /// A session that is not used for so long ends.
        session_idle_days: u32 = 7,
        /// A session ends after so long in any case.
        session_absolute_days: u32 = 30,
        /// The platform's people may do nothing before they signed in with a second factor.
        platform_second_factor: bool = true,
        /// How long an invitation is good.
        invitation_days: u32 = 7,
        /// How long a mailed link is good.
        link_minutes: u32 = 60,
    }
    /// How much callers may ask for; 0 is no limit.
    limits: Limits {
        /// Requests of one token or person in a minute, by tier of its customer.
        standard_requests_per_minute: u32 = 100,
        /// The same.
        premium_requests_per_minute: u32 = 300,
        /// The same.
        enterprise_requests_per_minute: u32 = 1000,
        /// The same, for the platform's own.
        platform_requests_per_minute: u32 = 1000,
        /// All of a customer's callers together have so many callers' worth.
        callers_per_customer: u32 = 5,
        /// Deployments of one customer in an hour that make or change a site, by its tier.
        standard_deployments_per_hour: u32 = 10,
        /// The same.
        premium_deployments_per_hour: u32 = 60,
        /// The same.
        enterprise_deployments_per_hour: u32 = 300,
    }
    /// How letters leave; without `host` or `folder` they stay in the outbox.
    mail: Mail {
        /// The mail server's name.
        host: Option<String> = None,
        /// Its port; without it the usual one of `security`.
        port: Option<u16> = None,
        /// How the connection is protected.
        security: SmtpSecurity = SmtpSecurity::StartTls,
        /// User, where the server wants one.
        username: Option<String> = None,
        /// Its password.
        password: Option<Secret> = None,
        /// PEM file of an authority that is trusted beside the machine's own.
        ca_file: Option<PathBuf> = None,
        /// Whom letters come from.
        from: Option<MailAddress> = None,
        /// Folder that letters are written to instead of being sent; development only.
        folder: Option<PathBuf> = None,
        /// A letter that could not be sent for so long is given up.
        give_up_after_hours: u32 = 72,
    }
    /// What seals states, plans and credentials.
    secrets: Secrets {
        /// `version:base64` of 32 bytes, several separated by commas.
        master_keys: Option<Secret> = None,
        /// The version that seals; without it the highest.
        current_version: Option<u32> = None,
    }
    /// S3, or anything that speaks its protocol.
    storage: Storage {
        /// The server's address; without it Amazon's own of the region.
        endpoint_url: Option<String> = None,
        /// The region.
        region: String = "us-east-1".to_owned(),
        /// The bucket.
        bucket: String = "siteplane".to_owned(),
        /// The bucket stands in the path instead of the host name.
        path_style: bool = false,
        /// Id of the access key.
        access_key: Option<String> = None,
        /// Secret of the access key.
        secret_key: Option<Secret> = None,
    }
    /// Terraform, its plugins and the modules.
    terraform: Terraform {
        /// The binary; without it `PATH` is searched.
        bin: Option<PathBuf> = None,
        /// Folder that holds `registry.terraform.io`; without it the usual places are searched.
        plugin_mirror: Option<PathBuf> = None,
        /// The same, with the simulated cloud as every plugin.
        simulated_mirror: Option<PathBuf> = None,
        /// The modules.
        modules: PathBuf = PathBuf::from("terraform-modules"),
    }
    /// Accounts at clouds.
    accounts: Accounts {
        /// Where the accounts' resources may stand.
        worlds: Vec<World> = vec![World::Real],
    }
    /// Those who run Terraform.
    worker: Worker {
        /// Durable folder for workspaces.
        workspaces: PathBuf = PathBuf::from("/var/lib/siteplane/workspaces"),
        /// Deployments at once in one process.
        slots: usize = 2,
        /// How long Terraform may wind down when a person cancels.
        cancel_grace_seconds: Duration = Duration::from_secs(60),
        /// Longest time for `init`, `show` and `import`.
        short_deadline_seconds: Duration = Deadlines::default().short,
        /// Longest time for `plan`.
        plan_deadline_seconds: Duration = Deadlines::default().plan,
        /// Longest time for `apply`.
        apply_deadline_seconds: Duration = Deadlines::default().apply,
        /// Free disk space below which nothing new is started.
        minimum_free_disk_mb: u64 = 1024,
    }
    /// How long a worker that went silent keeps its site. The same in every process.
    lease: Lease {
        /// A claim or a renewal is good for this long.
        length_seconds: Duration = LeaseTerms::default().length,
        /// Time between renewals.
        renew_every_seconds: Duration = LeaseTerms::default().renew_every,
        /// Terraform is interrupted so long before the end.
        margin_seconds: Duration = LeaseTerms::default().margin,
        /// It may wind down for this long, then it is killed.
        grace_seconds: Duration = LeaseTerms::default().grace,
        /// Another attempt may start so long after the end.
        takeover_after_seconds: Duration = LeaseTerms::default().takeover_after,
        /// Time between looks for leases that ran out.
        sweep_every_seconds: Duration = LeaseTerms::default().sweep_every,
    }
    /// What `siteplane deploy` speaks to.
    client: Client {
        /// Address of the API; without it that of `.siteplane/dev.json`.
        url: Option<String> = None,
        /// Token to sign in with; without it that of `.siteplane/dev.json`.
        token: Option<Secret> = None,
    }
}

/// Whether customers depend on this installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    /// Anything goes.
    Development,
    /// Only the clouds themselves, and never on the key that is in the source.
    Production,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For a log collector.
    Json,
}

/// What a process is about to do, and so what it needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Serve the API.
    Api,
    /// Run deployments.
    Worker,
    /// Change the schema, or what only the platform may.
    Owner,
}

impl Settings {
    /// Reads `file` (or [`FILE`], if it is there) and the environment. Mistakes come beside the settings, whose
    /// faulty keys then have their defaults.
    pub(crate) fn read(file: Option<&Path>) -> (Self, Problems) {
        let figment = match file {
            Some(file) => Figment::from(Toml::file_exact(file)),
            None => Figment::from(Toml::file_exact(FILE)),
        };
        let must_exist = file.is_some();
        let named = file.unwrap_or(Path::new(FILE));
        if !must_exist && !named.exists() {
            return Self::from_figment(Figment::new().merge(ProgramEnvironment::of_process()));
        }
        if !named.exists() {
            let (settings, mut problems) =
                Self::from_figment(Figment::new().merge(ProgramEnvironment::of_process()));
            problems.add(named.display().to_string(), "there is no such file");
            return (settings, problems);
        }
        Self::from_figment(figment.merge(ProgramEnvironment::of_process()))
    }

    fn from_figment(figment: Figment) -> (Self, Problems) {
        let mut reader = Reader::new(figment);
        let settings = read_all(&mut reader);
        let mut problems = reader.finish();
        settings.judge(&mut problems);
        (settings, problems)
    }

    /// What does not fit together, whoever starts with it.
    fn judge(&self, problems: &mut Problems) {
        if let Some(problem) = self.lease_terms().problem() {
            problems.add("lease", problem);
        }
        if self.worker.slots == 0 {
            problems.add(
                "worker.slots",
                "0 is no number of deployments at once; it must be at least 1",
            );
        }
        self.judge_sign_in(problems);
        self.judge_mail(problems);
        if self.limits.callers_per_customer == 0 {
            problems.add(
                "limits.callers_per_customer",
                "0 would refuse everything; it must be at least 1",
            );
        }
        if self.database.max_connections < 2 {
            problems.add("database.max_connections", "a process needs at least 2");
        }
        let keys = self.parse_keys();
        if let Err(error) = &keys {
            problems.add("secrets.master_keys", error.to_string());
        }
        if self.environment == Environment::Production {
            if self.secrets.master_keys.is_none() {
                problems.add(
                    "secrets.master_keys",
                    "production needs its own; see siteplane.toml for how to make one",
                );
            } else if keys.is_ok_and(|keys| keys.is_development()) {
                problems.add(
                    "secrets.master_keys",
                    "this is the development key, which is in the source and protects nothing",
                );
            }
            if let Some(world) = self.accounts.worlds.iter().find(|world| **world != World::Real) {
                problems.add(
                    "accounts.worlds",
                    format!(
                        "production serves real accounts only, and this has {:?}",
                        world.as_str()
                    ),
                );
            }
            if self.terraform.simulated_mirror.is_some() {
                problems.add(
                    "terraform.simulated_mirror",
                    "production knows no simulated cloud",
                );
            }
        }
    }

    fn judge_sign_in(&self, problems: &mut Problems) {
        if let Some(problem) = self.api.public_url.as_deref().and_then(|url| {
            let parsed = url.parse::<Url>().map_err(|error| error.to_string());
            problem_of_public_url(parsed.as_ref(), self.environment)
        }) {
            problems.add("api.public_url", problem);
        }
        let sign_in = &self.sign_in;
        for (key, value, most) in [
            ("sign_in.session_idle_days", sign_in.session_idle_days, 3650),
            (
                "sign_in.session_absolute_days",
                sign_in.session_absolute_days,
                3650,
            ),
            ("sign_in.invitation_days", sign_in.invitation_days, 365),
            ("sign_in.link_minutes", sign_in.link_minutes, 7 * 24 * 60),
        ] {
            if !(1..=most).contains(&value) {
                problems.add(key, format!("{value} is not from 1 to {most}"));
            }
        }
    }

    fn judge_mail(&self, problems: &mut Problems) {
        let mail = &self.mail;
        if mail.host.is_some() && mail.folder.is_some() {
            problems.add(
                "mail.folder",
                "letters go to mail.host or to a folder, not to both",
            );
        }
        if mail.host.is_some() && mail.from.is_none() {
            problems.add(
                "mail.from",
                "is needed with mail.host: an address that letters come from",
            );
        }
        if mail.username.is_some() != mail.password.is_some() {
            problems.add(
                "mail.username",
                "mail.username and mail.password are set together or not at all",
            );
        }
        if !(1..=720).contains(&mail.give_up_after_hours) {
            problems.add(
                "mail.give_up_after_hours",
                format!("{} is not from 1 to 720", mail.give_up_after_hours),
            );
        }
        if self.environment == Environment::Production {
            if mail.folder.is_some() {
                problems.add(
                    "mail.folder",
                    "production sends letters; nobody gets those in a folder",
                );
            }
            let leaves_the_machine = mail.host.as_deref().is_some_and(|host| !is_this_machine(host));
            if mail.security == SmtpSecurity::Plain && leaves_the_machine {
                problems.add(
                    "mail.security",
                    "production needs starttls or tls: links in letters act for whoever reads them",
                );
            }
        }
    }

    /// How letters leave, if they do.
    pub(crate) fn letters(&self) -> Option<MailSettings> {
        let mail = &self.mail;
        let delivery = match (&mail.folder, &mail.host) {
            (Some(folder), _) => MailDelivery::Folder(folder.clone()),
            (None, Some(host)) => MailDelivery::Smtp(SmtpSettings {
                host: host.clone(),
                port: mail.port.unwrap_or(mail.security.usual_port()),
                security: mail.security,
                credentials: mail.username.clone().zip(mail.password.clone()),
                ca_file: mail.ca_file.clone(),
            }),
            (None, None) => return None,
        };
        let unsent = || MailAddress::new("siteplane", "localhost").expect("both parts are plain words");
        Some(MailSettings {
            from: mail.from.clone().unwrap_or_else(unsent),
            delivery,
            give_up_after: TimeDelta::hours(mail.give_up_after_hours.into()),
        })
    }

    /// Where people reach this installation, without a `/` at the end.
    ///
    /// # Errors
    /// It is not set, in production: links would lead nowhere.
    pub(crate) fn public_url(&self) -> anyhow::Result<String> {
        match &self.api.public_url {
            Some(url) => Ok(url.trim_end_matches('/').to_owned()),
            None if self.environment == Environment::Production => {
                anyhow::bail!("api.public_url is not set; production needs it, because links lead there")
            }
            None => Ok(format!("http://{}", self.api.listen)),
        }
    }

    /// What the API is told.
    ///
    /// # Errors
    /// See [`Settings::public_url`].
    pub(crate) fn api(&self) -> anyhow::Result<control_plane::Settings> {
        let sign_in = &self.sign_in;
        Ok(control_plane::Settings {
            allowed_worlds: self.accounts.worlds.clone(),
            public_url: self.public_url()?,
            sign_in: control_plane::SignInSettings {
                idle: TimeDelta::days(sign_in.session_idle_days.into()),
                absolute: TimeDelta::days(sign_in.session_absolute_days.into()),
                platform_second_factor: sign_in.platform_second_factor,
                invitation: TimeDelta::days(sign_in.invitation_days.into()),
                link: TimeDelta::minutes(sign_in.link_minutes.into()),
            },
            rate_limits: self.rate_limits(),
            trusted_proxies: self.api.trusted_proxies.clone(),
            ..control_plane::Settings::default()
        })
    }

    fn rate_limits(&self) -> RateLimits {
        let limits = &self.limits;
        RateLimits {
            standard: Allowance {
                requests: NonZeroU32::new(limits.standard_requests_per_minute),
                deployments: NonZeroU32::new(limits.standard_deployments_per_hour),
            },
            premium: Allowance {
                requests: NonZeroU32::new(limits.premium_requests_per_minute),
                deployments: NonZeroU32::new(limits.premium_deployments_per_hour),
            },
            enterprise: Allowance {
                requests: NonZeroU32::new(limits.enterprise_requests_per_minute),
                deployments: NonZeroU32::new(limits.enterprise_deployments_per_hour),
            },
            platform: Allowance {
                requests: NonZeroU32::new(limits.platform_requests_per_minute),
                deployments: None,
            },
            callers_per_customer: limits.callers_per_customer,
            window: Duration::from_secs(60),
        }
    }

    /// What a process of this role still misses.
    pub(crate) fn missing_for(&self, role: Role) -> Problems {
        let mut problems = Problems::default();
        let mut need = |key: &str, is_there: bool| {
            if !is_there {
                let variable = format!("SITEPLANE__{}", key.replace('.', "__").to_uppercase());
                problems.add(
                    key,
                    format!("is needed here and not set; by environment it is {variable}"),
                );
            }
        };
        match role {
            Role::Owner => need("database.owner_url", self.database.owner_url.is_some()),
            Role::Api | Role::Worker => {
                need("database.url", self.database.url.is_some());
                need("storage.access_key", self.storage.access_key.is_some());
                need("storage.secret_key", self.storage.secret_key.is_some());
                if role == Role::Api && self.environment == Environment::Production {
                    need("api.public_url", self.api.public_url.is_some());
                }
            }
        }
        problems
    }

    fn parse_keys(&self) -> anyhow::Result<MasterKeys> {
        let keys = match &self.secrets.master_keys {
            None => MasterKeys::development(),
            Some(text) => MasterKeys::parse(text.expose())?,
        };
        Ok(match self.secrets.current_version {
            None => keys,
            Some(version) => keys.with_current(version)?,
        })
    }

    /// The master keys; those of development where none are set, which production does not get past.
    ///
    /// # Errors
    /// They can't be read; no part of them is in the error.
    pub(crate) fn master_keys(&self) -> anyhow::Result<MasterKeys> {
        self.parse_keys().context("secrets.master_keys can't be used")
    }

    /// Where blobs are.
    ///
    /// # Errors
    /// The access key is not set.
    pub(crate) fn store(&self) -> anyhow::Result<StoreSettings> {
        let storage = &self.storage;
        Ok(StoreSettings {
            endpoint_url: storage.endpoint_url.clone(),
            region: storage.region.clone(),
            bucket: storage.bucket.clone(),
            path_style: storage.path_style,
            access_key: storage
                .access_key
                .clone()
                .context("storage.access_key is not set")?,
            secret_key: storage
                .secret_key
                .as_ref()
                .context("storage.secret_key is not set")?
                .expose()
                .to_owned(),
            patience: Patience::default(),
        })
    }

    /// Lengths of the lease.
    pub(crate) fn lease_terms(&self) -> LeaseTerms {
        LeaseTerms {
            length: self.lease.length_seconds,
            renew_every: self.lease.renew_every_seconds,
            margin: self.lease.margin_seconds,
            grace: self.lease.grace_seconds,
            takeover_after: self.lease.takeover_after_seconds,
            sweep_every: self.lease.sweep_every_seconds,
        }
    }

    /// What a worker is told; `program` is this program, which is the supervisor as well.
    pub(crate) fn worker(&self, program: PathBuf) -> worker::Settings {
        worker::Settings {
            terraform_bin: self.terraform.bin.clone(),
            plugin_mirror: self.terraform.plugin_mirror.clone(),
            simulated_mirror: self.terraform.simulated_mirror.clone(),
            modules: self.terraform.modules.clone(),
            workspaces: self.worker.workspaces.clone(),
            slots: self.worker.slots,
            lease: self.lease_terms(),
            cancel_grace: self.worker.cancel_grace_seconds,
            supervisor: SupervisorCommand {
                program,
                arguments: vec!["supervise".to_owned()],
            },
            worlds: self.accounts.worlds.clone(),
            mail: self.letters(),
            deadlines: Deadlines {
                short: self.worker.short_deadline_seconds,
                plan: self.worker.plan_deadline_seconds,
                apply: self.worker.apply_deadline_seconds,
            },
            minimum_free_disk: self.worker.minimum_free_disk_mb * 1_000_000,
        }
    }
}

/// Whether a host's name leads nowhere else.
fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What is wrong with the address at which people reach an installation, if anything.
fn problem_of_public_url(url: Result<&Url, &String>, environment: Environment) -> Option<String> {
    let url = match url {
        Ok(url) => url,
        Err(error) => return Some(format!("is no URL: {error}")),
    };
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_bare || !url.username().is_empty()
    {
        return Some("must be https:// or http:// and a host, with nothing behind it".to_owned());
    }
    let is_plain = environment == Environment::Production && url.scheme() == "http";
    is_plain.then(|| "production must be reached by https://".to_owned())
}
