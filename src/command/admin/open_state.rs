//! `siteplane admin open-state`: a sealed state or plan, opened with the master keys alone. For the day on which
//! there is no database.

use std::{
    io::{Read, Write},
    path::Path,
};

use anyhow::Context;
use state::{
    seal::{self, SealedFor},
    store::{BlobStore, EVERY_BLOB},
};

use crate::settings::Settings;

/// Writes the content to stdout, and what it is as a line of JSON to stderr. `blob` is a file, `-` for stdin, or a key in the bucket.
pub(super) async fn run(settings: &Settings, blob: &str) -> anyhow::Result<()> {
    let keys = settings.master_keys()?;
    let bytes = if blob == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("can't read the blob from stdin")?;
        bytes
    } else if blob.starts_with(EVERY_BLOB) && !Path::new(blob).exists() {
        BlobStore::new(&settings.store()?).get(blob).await?
    } else {
        std::fs::read(blob).with_context(|| format!("can't read {blob}"))?
    };
    let (sealed_for, content) = seal::open_any(&keys, &bytes)?;
    describe(&sealed_for)?;
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(&content)
        .and_then(|()| stdout.flush())
        .context("can't write what was opened to stdout")
}

/// Names every blob in the bucket, one a line.
pub(super) async fn list(settings: &Settings) -> anyhow::Result<()> {
    let blobs = BlobStore::new(&settings.store()?);
    let mut after: Option<String> = None;
    loop {
        let page = blobs.list_after(EVERY_BLOB, after.as_deref()).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for blob in page {
            super::print(blob.key);
        }
    }
}

#[expect(clippy::print_stderr, reason = "stdout has the content alone")]
fn describe(sealed_for: &SealedFor) -> anyhow::Result<()> {
    eprintln!("{}", serde_json::to_string(sealed_for)?);
    Ok(())
}
