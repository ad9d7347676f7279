//! The simulated cloud itself: a directory with one JSON file a resource.
//!
//! `resources/<provider>/<type>/<safe-id>.json` are the resources; `names/` remembers which names are taken, `locks/`
//! keeps two processes from taking one name at once. A file is replaced as a whole, so a reader never sees half of
//! one. Knows no schema and no Terraform.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Where a resource is in its life.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Exists and has its id, but is not ready.
    Creating,
    /// Ready.
    Active,
    /// On its way out.
    Deleting,
}

/// A resource as its file has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Resource {
    pub(crate) provider: String,
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) status: Status,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    /// When a creation or deletion that is under way is done, also if nobody waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ready_at: Option<DateTime<Utc>>,
    /// The attempt that made it.
    pub(crate) created_by: String,
    #[serde(default)]
    pub(crate) tags: serde_json::Map<String, Json>,
    pub(crate) attributes: Json,
}

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("{} in the simulated cloud's store can't be read or written: {}", path.display(), source.kind())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} in the simulated cloud's store is no resource: {reason}", path.display())]
    Resource { path: PathBuf, reason: String },
}

/// The directory.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

/// The lock on the names of one type; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct NameLock {
    _file: File,
}

/// The form of time in the store and the journal: RFC 3339, UTC, milliseconds.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A name for a file that keeps different ids apart: what is not a letter, digit, `.`, `_` or `-` is `~` and two hex
/// digits; a very long id ends in its fingerprint.
fn safe_name(id: &str) -> String {
    const LONGEST: usize = 180;
    let mut name = String::new();
    for (index, byte) in id.bytes().enumerate() {
        match byte {
            b'.' if index == 0 => name.push_str("~2E"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => name.push(char::from(byte)),
            byte => name.push_str(&format!("~{byte:02X}")),
        }
    }
    if name.len() > LONGEST {
        name.truncate(LONGEST - 33);
        name.push('~');
        name.push_str(&crate::redaction::fingerprint(&[id.as_bytes()]));
    }
    name
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    |source| StoreError::File {
        path: path.to_owned(),
        source,
    }
}

/// Replaces a file as a whole.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let directory = path
        .parent()
        .expect("every file of the store is in a directory of it");
    fs::create_dir_all(directory).map_err(at(directory))?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let draft = directory.join(format!(".draft-{}-{count}", std::process::id()));
    fs::write(&draft, content).map_err(at(&draft))?;
    fs::rename(&draft, path).map_err(at(path))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn read_resource(path: &Path) -> Result<Option<Resource>, StoreError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(at(path))?,
    };
    let resource = serde_json::from_slice(&text).map_err(|error| StoreError::Resource {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Some(resource))
}

/// Entries of a directory, sorted; none where there is no such directory. Hidden ones (drafts) are left out.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let listing = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(at(directory))?,
    };
    let mut paths = Vec::new();
    for entry in listing {
        let entry = entry.map_err(at(directory))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

impl Store {
    /// The store in that directory, which is made where it is missing.
    ///
    /// # Errors
    /// The directory can't be made.
    pub(crate) fn open(directory: &Path) -> Result<Store, StoreError> {
        fs::create_dir_all(directory).map_err(at(directory))?;
        Ok(Store {
            directory: directory.to_owned(),
        })
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn type_directory(&self, kind: &str, provider: &str, type_name: &str) -> PathBuf {
        self.directory.join(kind).join(provider).join(type_name)
    }

    fn resource_path(&self, provider: &str, type_name: &str, key: &str) -> PathBuf {
        self.type_directory("resources", provider, type_name)
            .join(format!("{}.json", safe_name(key)))
    }

    /// The resource with that key, brought to now: what was being created is active once its time has come, what was
    /// being deleted is gone.
    pub(crate) fn get(
        &self,
        provider: &str,
        type_name: &str,
        key: &str,
    ) -> Result<Option<Resource>, StoreError> {
        let Some(mut resource) = read_resource(&self.resource_path(provider, type_name, key))? else {
            return Ok(None);
        };
        let due = resource.ready_at.is_none_or(|ready_at| ready_at <= Utc::now());
        match resource.status {
            Status::Creating if due => {
                resource.status = Status::Active;
                resource.ready_at = None;
                self.put(key, &resource)?;
            }
            Status::Deleting if due => {
                self.delete(provider, type_name, key)?;
                return Ok(None);
            }
            _ => {}
        }
        Ok(Some(resource))
    }

    /// Writes a resource under its key.
    pub(crate) fn put(&self, key: &str, resource: &Resource) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(resource).expect("a resource has text keys only");
        write_whole(
            &self.resource_path(&resource.provider, &resource.type_name, key),
            &text,
        )
    }

    /// Removes a resource; its names are free again, since a name holds only while its resource is there.
    pub(crate) fn delete(&self, provider: &str, type_name: &str, key: &str) -> Result<(), StoreError> {
        remove(&self.resource_path(provider, type_name, key))
    }

    /// Every resource of a type, as its file has it.
    pub(crate) fn all_of(&self, provider: &str, type_name: &str) -> Result<Vec<Resource>, StoreError> {
        let paths = entries(&self.type_directory("resources", provider, type_name))?;
        paths
            .iter()
            .filter_map(|path| read_resource(path).transpose())
            .collect()
    }

    /// Every resource of every provider, as its file has it.
    pub(crate) fn all(&self) -> Result<Vec<Resource>, StoreError> {
        let mut resources = Vec::new();
        for provider in entries(&self.directory.join("resources"))? {
            for type_name in entries(&provider)? {
                for path in entries(&type_name)? {
                    resources.extend(read_resource(&path)?);
                }
            }
        }
        Ok(resources)
    }

    /// Waits until no other process takes a name of that type.
    pub(crate) fn lock_names(&self, provider: &str, type_name: &str) -> Result<NameLock, StoreError> {
        let directory = self.directory.join("locks");
        fs::create_dir_all(&directory).map_err(at(&directory))?;
        let path = directory.join(format!("{provider}.{type_name}"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(at(&path))?;
        file.lock().map_err(at(&path))?;
        Ok(NameLock { _file: file })
    }

    /// Takes a name for the resource with that key; false where another resource that exists has it.
    pub(crate) fn take_name(
        &self,
        _lock: &NameLock,
        provider: &str,
        type_name: &str,
        name: &str,
        key: &str,
    ) -> Result<bool, StoreError> {
        let path = self
            .type_directory("names", provider, type_name)
            .join(safe_name(name));
        let holder = match fs::read_to_string(&path) {
            Ok(holder) => Some(holder),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(at(&path)(error)),
        };
        // A holder with this key is its own predecessor where the key is the name: it has it too.
        if let Some(holder) = holder
            && self.get(provider, type_name, &holder)?.is_some()
        {
            return Ok(false);
        }
        write_whole(&path, key.as_bytes())?;
        Ok(true)
    }

    /// Gives a name back, where the resource with that key has it.
    pub(crate) fn release_name(
        &self,
        _lock: &NameLock,
        provider: &str,
        type_name: &str,
        name: &str,
        key: &str,
    ) -> Result<(), StoreError> {
        let path = self
            .type_directory("names", provider, type_name)
            .join(safe_name(name));
        match fs::read_to_string(&path) {
            Ok(holder) if holder == key => remove(&path),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(at(&path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_safe_name_keeps_ids_apart_and_within_a_directory() {
        assert_eq!(safe_name("vpc-0a1b"), "vpc-0a1b");
        assert_eq!(safe_name("../x"), "~2E.~2Fx");
        assert_ne!(safe_name("a/b"), safe_name("a~2Fb"));
        let long = "x".repeat(400);
        assert_eq!(safe_name(&long).len(), 180);
        assert_ne!(safe_name(&long), safe_name(&format!("{long}y")));
    }

    #[test]
    fn a_name_is_free_again_once_its_resource_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let resource = Resource {
            provider: "aws".into(),
            type_name: "aws_lb".into(),
            id: "one".into(),
            region: "eu-central-1".into(),
            status: Status::Active,
            created_at: timestamp(Utc::now()),
            updated_at: timestamp(Utc::now()),
            ready_at: None,
            created_by: String::new(),
            tags: serde_json::Map::new(),
            attributes: Json::Null,
        };
        let lock = store.lock_names("aws", "aws_lb").unwrap();
        assert!(store.take_name(&lock, "aws", "aws_lb", "web", "one").unwrap());
        store.put("one", &resource).unwrap();
        assert!(!store.take_name(&lock, "aws", "aws_lb", "web", "two").unwrap());
        store.delete("aws", "aws_lb", "one").unwrap();
        assert!(store.take_name(&lock, "aws", "aws_lb", "web", "two").unwrap());
    }

    #[test]
    fn a_broken_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let path = store.resource_path("aws", "aws_vpc", "vpc-1");
        write_whole(&path, b"{\"provider\": 3}").unwrap();
        let error = store.get("aws", "aws_vpc", "vpc-1").unwrap_err().to_string();
        assert!(
            error.contains("vpc-1.json") && error.contains("expected a string"),
            "{error}"
        );
    }
}
