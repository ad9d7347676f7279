//! The page: what was measured, where and when.

use std::{fmt::Write, fs, process::Command};

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use crate::{figures::Section, root};

/// A run.
pub(crate) struct Page {
    pub(crate) sections: Vec<Section>,
    began: DateTime<Utc>,
    load_before: String,
    postgres: String,
    syncs: String,
}

impl Page {
    /// Notes what can only be noted at the start.
    pub(crate) async fn begin() -> anyhow::Result<Self> {
        let url = std::env::var("SITEPLANE__TEST__POSTGRES_URL").context("there is a PostgreSQL")?;
        let mut conn = PgConnection::connect(&url).await?;
        let postgres = sqlx::query_scalar("show server_version")
            .fetch_one(&mut conn)
            .await?;
        let syncs = sqlx::query_scalar("show fsync").fetch_one(&mut conn).await?;
        conn.close().await?;
        Ok(Self {
            sections: Vec::new(),
            began: Utc::now(),
            load_before: load()?,
            postgres,
            syncs,
        })
    }

    /// The page as Markdown.
    pub(crate) fn end(&self) -> anyhow::Result<String> {
        let mut page = String::from(
            "# Benchmarks\n\n\
             `make bench` wrote this page; do not edit it. Each figure stands beside a baseline that was measured in \
             turns with it, in the same run on the same machine, as **median [least..most]**; the ratio is \
             Siteplane's figure through the baseline's, pair by pair. Seconds are this machine's, ratios travel. The \
             code is in `benches/`.\n\n",
        );
        let first = |file: &str, key: &str| -> anyhow::Result<String> {
            let text = fs::read_to_string(file).with_context(|| format!("can't read {file}"))?;
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or("unknown");
            Ok(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
        };
        let processors = std::thread::available_parallelism()?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let facts = [
            ("date", self.began.format("%Y-%m-%d %H:%M UTC").to_string()),
            ("git revision", revision()?),
            (
                "processor",
                format!("{processors} × {}", first("/proc/cpuinfo", "model name")?),
            ),
            ("memory", first("/proc/meminfo", "MemTotal")?),
            ("kernel", kernel.trim().to_owned()),
            (
                "load average before and after",
                format!("{}; {}", self.load_before, load()?),
            ),
            ("PostgreSQL", format!("{}, fsync {}", self.postgres, self.syncs)),
            (
                "Terraform",
                said("terraform", &["version"])?
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ),
            (
                "build",
                if cfg!(debug_assertions) {
                    "debug"
                } else {
                    "release"
                }
                .to_owned(),
            ),
        ];
        page.push_str("| | |\n|---|---|\n");
        for (name, value) in facts {
            writeln!(page, "| {name} | {value} |")?;
        }
        for section in &self.sections {
            write!(page, "\n{section}")?;
        }
        if !self.sections.iter().any(|section| section.title.contains("moto")) {
            page.push_str("\nmoto was not in this run: `SITEPLANE__BENCH__MOTO=5 make bench`.\n");
        }
        Ok(page)
    }
}

fn load() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

fn revision() -> anyhow::Result<String> {
    let revision = said("git", &["rev-parse", "--short", "HEAD"])?;
    let changes = said("git", &["status", "--porcelain"])?;
    let changed = if changes.is_empty() { "" } else { " with changes" };
    Ok(format!("{}{changed}", revision.trim()))
}

fn said(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.with_context(|| format!("can't run {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
