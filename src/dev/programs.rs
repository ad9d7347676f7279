//! API and workers as children, what they are told, and what they need beside this program.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rustix::process::Signal;
use state::store::{Patience, StoreSettings};

use super::{BUCKET, LOGIN, REGION, Wishes, children::Recipe, kept::Kept, postgres::Postgres};
use crate::settings::Settings;

/// Where letters lie that would be sent elsewhere; one is opened with any mail program.
pub(super) const LETTERS: &str = "letters";

/// What API and workers are started from.
pub(super) struct Parts<'a> {
    pub(super) folder: &'a Path,
    pub(super) wishes: &'a Wishes,
    pub(super) settings: &'a Settings,
    pub(super) tools: &'a Tools,
    pub(super) kept: &'a Kept,
    pub(super) server: &'a Postgres,
}

impl Parts<'_> {
    pub(super) fn api(&self, port: u16, s3: &str) -> anyhow::Result<Recipe> {
        let mut recipe = self.program("api", "api", s3)?;
        recipe
            .environment
            .push(("SITEPLANE__API__LISTEN".to_owned(), format!("127.0.0.1:{port}")));
        // The seeded admin signs in by password alone.
        recipe.environment.push((
            "SITEPLANE__SIGN_IN__PLATFORM_SECOND_FACTOR".to_owned(),
            "false".to_owned(),
        ));
        // Whoever tries things out makes more sites in an hour than customers do.
        for tier in ["STANDARD", "PREMIUM", "ENTERPRISE"] {
            let name = format!("SITEPLANE__LIMITS__{tier}_DEPLOYMENTS_PER_HOUR");
            recipe.environment.push((name, "0".to_owned()));
        }
        for whose in ["STANDARD", "PREMIUM", "ENTERPRISE", "PLATFORM"] {
            let name = format!("SITEPLANE__LIMITS__{whose}_REQUESTS_PER_MINUTE");
            recipe.environment.push((name, "0".to_owned()));
        }
        Ok(recipe)
    }

    pub(super) fn worker(&self, number: usize, s3: &str) -> anyhow::Result<Recipe> {
        let mut recipe = self.program(&format!("worker-{number}"), "worker", s3)?;
        let terraform = &self.settings.terraform;
        let mut paths = vec![
            ("SITEPLANE__WORKER__WORKSPACES", self.folder.join("workspaces")),
            ("SITEPLANE__TERRAFORM__MODULES", self.tools.modules.clone()),
            (
                "SITEPLANE__TERRAFORM__SIMULATED_MIRROR",
                self.folder.join("simulated-plugins"),
            ),
        ];
        paths.extend(
            terraform
                .bin
                .clone()
                .map(|bin| ("SITEPLANE__TERRAFORM__BIN", bin)),
        );
        paths.extend(
            terraform
                .plugin_mirror
                .clone()
                .map(|mirror| ("SITEPLANE__TERRAFORM__PLUGIN_MIRROR", mirror)),
        );
        let mail = &self.settings.mail;
        if mail.host.is_none() && mail.folder.is_none() {
            paths.push(("SITEPLANE__MAIL__FOLDER", self.folder.join(LETTERS)));
        }
        let paths = paths
            .into_iter()
            .map(|(name, path)| (name.to_owned(), path.display().to_string()));
        recipe.environment.extend(paths);
        if self.wishes.short_lease {
            let lease = worker::settings::LeaseTerms::short();
            for (key, length) in [
                ("LENGTH", lease.length),
                ("RENEW_EVERY", lease.renew_every),
                ("MARGIN", lease.margin),
                ("GRACE", lease.grace),
                ("TAKEOVER_AFTER", lease.takeover_after),
                ("SWEEP_EVERY", lease.sweep_every),
            ] {
                let name = format!("SITEPLANE__LEASE__{key}_SECONDS");
                recipe.environment.push((name, length.as_secs_f64().to_string()));
            }
        }
        Ok(recipe)
    }

    fn program(&self, name: &str, command: &str, s3: &str) -> anyhow::Result<Recipe> {
        let text = str::to_owned;
        let environment = vec![
            (text("SITEPLANE__ENVIRONMENT"), text("development")),
            (
                text("SITEPLANE__DATABASE__URL"),
                self.server.url(LOGIN, &self.kept.program_password),
            ),
            (text("SITEPLANE__ACCOUNTS__WORLDS"), text("simulated,emulator")),
            // Empty is not set: the development key, and never that of the operator's shell.
            (text("SITEPLANE__SECRETS__MASTER_KEYS"), String::new()),
            (text("SITEPLANE__STORAGE__ENDPOINT_URL"), text(s3)),
            (text("SITEPLANE__STORAGE__REGION"), text(REGION)),
            (text("SITEPLANE__STORAGE__BUCKET"), text(BUCKET)),
            (text("SITEPLANE__STORAGE__PATH_STYLE"), text("true")),
            (
                text("SITEPLANE__STORAGE__ACCESS_KEY"),
                self.kept.s3_access_key.clone(),
            ),
            (
                text("SITEPLANE__STORAGE__SECRET_KEY"),
                self.kept.s3_secret_key.clone(),
            ),
        ];
        Ok(Recipe {
            name: text(name),
            program: std::env::current_exe().context("this program's own path is not known")?,
            // The folder is how a leftover is known as ours.
            arguments: vec![text(command), text("--of-dev"), self.folder.display().to_string()],
            environment,
            user: None,
            stop: Signal::TERM,
            has_lifeline: true,
            folder: std::env::current_dir()?,
            log: self.folder.join("logs").join(format!("{name}.log")),
        })
    }
}

pub(super) fn blob_settings(endpoint: &str, kept: &Kept) -> StoreSettings {
    StoreSettings {
        endpoint_url: Some(endpoint.to_owned()),
        region: REGION.to_owned(),
        bucket: BUCKET.to_owned(),
        path_style: true,
        access_key: kept.s3_access_key.clone(),
        secret_key: kept.s3_secret_key.clone(),
        patience: Patience::default(),
    }
}

/// What dev needs beside this program; looked for before anything is started.
pub(super) struct Tools {
    simulated_cloud: PathBuf,
    modules: PathBuf,
}

impl Tools {
    pub(super) fn find(settings: &Settings) -> anyhow::Result<Self> {
        let modules = &settings.terraform.modules;
        let in_checkout = crate::simulated_cloud::checkout().map(|root| root.join("terraform-modules"));
        let candidates = [
            Some(modules.clone()),
            in_checkout.filter(|_| modules.is_relative()),
        ];
        let found = candidates.into_iter().flatten().find(|folder| folder.is_dir());
        let found = found.with_context(|| {
            format!(
                "there are no Terraform modules in {}; terraform.modules says where they are",
                modules.display()
            )
        })?;
        Ok(Self {
            simulated_cloud: crate::simulated_cloud::find()?,
            modules: fs::canonicalize(found)?,
        })
    }

    pub(super) fn write_mirror(&self, folder: &Path) -> anyhow::Result<()> {
        let output = std::process::Command::new(&self.simulated_cloud)
            .arg("mirror")
            .arg(folder)
            .output();
        let output = output.with_context(|| format!("can't run {}", self.simulated_cloud.display()))?;
        if !output.status.success() {
            bail!(
                "simulated-cloud mirror failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }
}
