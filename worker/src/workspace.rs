//! Workspaces: a private folder for each attempt, kept until its last state is stored.
//!
//! `<workspaces>/<site>/<deployment>-<attempt>/` holds the modules, the variables, Terraform's own files, and
//! `attempt.json`, which says whose it is. A lock on `in-use` tells a living worker's workspace from a left one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use domain::id::{CustomerId, DeploymentId, SiteId};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::modules::ModuleSet;

/// The state that Terraform writes after every resource.
pub const STATE: &str = "terraform.tfstate";
/// Where Terraform puts a state that it can't write to its own file.
pub const ERRORED_STATE: &str = "errored.tfstate";
/// The plan that is judged and applied.
pub const PLAN: &str = "site.tfplan";
/// The plan as `show -json` prints it.
pub const PLAN_JSON: &str = "plan.json";
/// Terraform's record of which plugins it takes.
pub const LOCK_FILE: &str = ".terraform.lock.hcl";
/// Every line that the apply printed; the supervisor writes it before it tells anyone.
pub const APPLY_JOURNAL: &str = "apply.ndjson";
const VARIABLES: &str = "terraform.tfvars.json";
const STARTED_FROM: &str = "started-from.json";
const OWNER: &str = "attempt.json";
const IN_USE: &str = "in-use";
/// How the names of folders begin that were workspaces.
const REMOVED: &str = ".removed-";
/// How long others may keep a workspace from being made or removed; a look at a folder takes far less.
const MADE_WITHIN: Duration = Duration::from_secs(1);

/// Whose workspace it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The customer.
    pub customer: CustomerId,
    /// The site.
    pub site: SiteId,
    /// The deployment.
    pub deployment: DeploymentId,
    /// The attempt.
    pub attempt: i32,
}

/// A workspace that this process holds. Dropping it leaves the folder and gives the lock back.
#[derive(Debug)]
pub struct Workspace {
    /// Whose it is.
    pub owner: Owner,
    folder: PathBuf,
    /// Where Terraform runs.
    root: PathBuf,
    /// The lock ends with the process, however that ends.
    _lock: File,
}

impl Workspace {
    /// Makes a workspace with a copy of the modules.
    ///
    /// # Errors
    /// The disk is full, or the folder can't be written; nothing is left then.
    pub fn create(workspaces: &Path, owner: Owner, modules: &ModuleSet) -> io::Result<Self> {
        let folder = folder_of(workspaces, owner);
        let made = Self::fill(&folder, owner, modules);
        if made.is_err() {
            // It holds nothing that anyone needs; what can't be removed now is removed at the next start.
            let _ = fs::remove_dir_all(&folder);
        }
        made
    }

    fn fill(folder: &Path, owner: Owner, modules: &ModuleSet) -> io::Result<Self> {
        let lock = make_and_lock(folder)?;
        write_private(&folder.join(OWNER), &serde_json::to_vec(&owner)?)?;
        let root = modules.copy_to(&folder.join("modules"))?;
        Ok(Self {
            owner,
            folder: folder.to_owned(),
            root,
            _lock: lock,
        })
    }

    /// Where Terraform runs.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file where Terraform runs.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file where Terraform runs, readable for nobody else.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        write_private(&self.file(name), content)
    }

    /// Writes the variables that are no secret.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write_variables(&self, variables: &serde_json::Value) -> io::Result<()> {
        self.write(VARIABLES, &serde_json::to_vec_pretty(variables)?)
    }

    /// Puts the state there that the attempt starts from.
    ///
    /// # Errors
    /// It can't be written.
    pub fn start_from(&self, lineage: &str, serial: u64, state: &[u8]) -> io::Result<()> {
        write_private(
            &self.folder.join(STARTED_FROM),
            &serde_json::to_vec(&(lineage, serial))?,
        )?;
        self.write(STATE, state)
    }

    /// The state as it lies there now; `None` where there is none. A read can be torn: parse it.
    ///
    /// # Errors
    /// It can't be read.
    pub fn state(&self) -> io::Result<Option<Vec<u8>>> {
        read_if_there(&self.file(STATE))
    }

    /// Removes the workspace. Only once its last state is stored.
    ///
    /// # Errors
    /// A file can't be removed.
    pub fn remove(self) -> io::Result<()> {
        remove(&self.folder)
    }
}

/// A workspace that its worker left: by a crash, or because its lease moved on.
#[derive(Debug)]
pub struct Leftover {
    /// Whose it was.
    pub owner: Owner,
    folder: PathBuf,
    /// `None` where a worker still holds it that froze and lost its lease.
    _lock: Option<File>,
}

impl Leftover {
    /// Every left workspace that no living worker holds.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn find(workspaces: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for site in subfolders(workspaces)? {
            let name = site
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.starts_with(REMOVED) {
                // Its worker died while it removed it, or is at it now.
                remove_renamed(&site)?;
            }
            if name.parse::<SiteId>().is_err() {
                continue;
            }
            for folder in subfolders(&site)? {
                let Some(lock) = lock(&folder)? else { continue };
                match owner_of(&folder)? {
                    Some(owner) => found.push(Self {
                        owner,
                        folder,
                        _lock: Some(lock),
                    }),
                    // Its worker died while it was made: Terraform has not run there.
                    None => remove(&folder)?,
                }
            }
        }
        found.sort_by_key(|leftover| (leftover.owner.deployment, leftover.owner.attempt));
        Ok(found)
    }

    /// Every workspace of a site but that of the attempt that holds the site, `but`. Also those that a worker
    /// still holds: it is frozen and has lost its lease, and what it left may be the only record of something.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn of_earlier_attempts(workspaces: &Path, but: Owner) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for folder in subfolders(&workspaces.join(but.site.to_string()))? {
            let lock = lock(&folder)?;
            match owner_of(&folder)? {
                Some(owner) if owner != but => found.push(Self {
                    owner,
                    folder,
                    _lock: lock,
                }),
                _ => {}
            }
        }
        found.sort_by_key(|leftover| (leftover.owner.deployment, leftover.owner.attempt));
        Ok(found)
    }

    /// The folder of the workspace.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lineage and serial of the state that the attempt started from; `None` where there was none.
    ///
    /// # Errors
    /// It can't be read.
    pub fn started_from(&self) -> io::Result<Option<(String, u64)>> {
        let text = read_if_there(&self.folder.join(STARTED_FROM))?;
        Ok(text.map(|text| serde_json::from_slice(&text)).transpose()?)
    }

    /// A file where Terraform ran; `None` where there is none.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        for provider in subfolders(&self.folder.join("modules"))? {
            if let Some(content) = read_if_there(&provider.join("root").join(name))? {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// Removes the workspace. Only once its last state is stored and its deployment needs it no more.
    ///
    /// # Errors
    /// A file can't be removed.
    pub fn remove(self) -> io::Result<()> {
        remove(&self.folder)
    }
}

/// `None` where it was not written to its end.
fn owner_of(folder: &Path) -> io::Result<Option<Owner>> {
    let text = read_if_there(&folder.join(OWNER))?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
}

fn folder_of(workspaces: &Path, owner: Owner) -> PathBuf {
    workspaces
        .join(owner.site.to_string())
        .join(format!("{}-{}", owner.deployment, owner.attempt))
}

/// Makes the folder and holds it. Whoever looks for leftovers may hold the empty folder for a moment, and remove
/// it: then it is made again.
fn make_and_lock(folder: &Path) -> io::Result<File> {
    let until = Instant::now() + MADE_WITHIN;
    loop {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        match made.and_then(|()| lock(folder)) {
            Ok(Some(lock)) => return Ok(lock),
            // The folder, or the site's, went in the same moment.
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                ) =>
            {
                return Err(error);
            }
            Ok(None) | Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
            Ok(None) => {
                return Err(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "the workspace is in use",
                ));
            }
            Err(error) => return Err(error),
        }
    }
}

/// `None` where somebody else holds it, or it is gone.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join(IN_USE));
    let file = match opened {
        // Removed by its owner while we looked.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // A lock on a file that was removed meanwhile holds nothing.
        Ok(()) => match fs::metadata(folder.join(IN_USE)) {
            Ok(there) if there.ino() == file.metadata()?.ino() => Ok(Some(file)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(None),
        },
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes a workspace. It is gone in one moment, under whoever looks for leftovers just then: what is seen of a
/// workspace is whole.
fn remove(folder: &Path) -> io::Result<()> {
    let site = folder.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let workspaces = site.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let removed = workspaces.join(format!("{REMOVED}{}", uuid::Uuid::now_v7().simple()));
    match fs::rename(folder, &removed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        renamed => {
            renamed?;
            remove_renamed(&removed)?;
        }
    }
    // The site's folder goes with its last workspace; another attempt may be making the next one there.
    match fs::remove_dir(site) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Removes what a workspace was renamed to. A process that was left there may still write for a moment.
fn remove_renamed(removed: &Path) -> io::Result<()> {
    let until = Instant::now() + MADE_WITHIN;
    loop {
        match fs::remove_dir_all(removed) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && Instant::now() < until => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            done => return done,
        }
    }
}

fn subfolders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn read_if_there(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_private(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut opened = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(file)?;
    opened.write_all(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn modules() -> (tempfile::TempDir, ModuleSet) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("aws/root")).unwrap();
        fs::create_dir_all(folder.path().join("cloud-init")).unwrap();
        fs::write(folder.path().join("aws/root/main.tf"), "").unwrap();
        let set = ModuleSet::read(folder.path(), "aws").unwrap();
        (folder, set)
    }

    fn owner() -> Owner {
        Owner {
            customer: CustomerId::new(),
            site: SiteId::new(),
            deployment: DeploymentId::new(),
            attempt: 1,
        }
    }

    #[test]
    fn a_workspace_is_private_and_is_left_over_only_once_its_holder_is_gone() {
        let (_folder, modules) = modules();
        let workspaces = tempfile::tempdir().unwrap();
        let workspace = Workspace::create(workspaces.path(), owner(), &modules).unwrap();
        workspace.write(STATE, b"{}").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&workspace.folder), 0o700);
        assert_eq!(mode(&workspace.file(STATE)), 0o600);
        assert!(Leftover::find(workspaces.path()).unwrap().is_empty());
        let owner = workspace.owner;
        let next = Owner { attempt: 2, ..owner };
        let earlier = |but| Leftover::of_earlier_attempts(workspaces.path(), but).unwrap();
        assert!(earlier(owner).is_empty());
        assert_eq!(
            earlier(next).len(),
            1,
            "a frozen worker's is found by the next attempt"
        );
        drop(workspace);
        let leftovers = Leftover::find(workspaces.path()).unwrap();
        assert_eq!(leftovers.len(), 1);
        assert_eq!(leftovers[0].owner, owner);
        assert_eq!(
            leftovers[0].read(STATE).unwrap().as_deref(),
            Some(b"{}".as_slice())
        );
        for leftover in leftovers {
            leftover.remove().unwrap();
        }
        assert_eq!(fs::read_dir(workspaces.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_workspace_whose_making_was_cut_off_is_removed() {
        let workspaces = tempfile::tempdir().unwrap();
        let site = workspaces.path().join(SiteId::new().to_string());
        fs::create_dir_all(site.join("half")).unwrap();
        assert!(Leftover::find(workspaces.path()).unwrap().is_empty());
        assert_eq!(fs::read_dir(workspaces.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_workspace_whose_removal_was_cut_off_is_removed() {
        let workspaces = tempfile::tempdir().unwrap();
        fs::create_dir_all(workspaces.path().join(".removed-1/modules")).unwrap();
        assert!(Leftover::find(workspaces.path()).unwrap().is_empty());
        assert_eq!(fs::read_dir(workspaces.path()).unwrap().count(), 0);
    }

    #[test]
    fn workspaces_of_a_site_come_and_go_while_others_look_for_leftovers() {
        let (_folder, modules) = modules();
        let workspaces = tempfile::tempdir().unwrap();
        let site = owner();
        let make_and_remove = || {
            for attempt in 0..200 {
                let deployment = DeploymentId::new();
                let owner = Owner {
                    deployment,
                    attempt,
                    ..site
                };
                let workspace = Workspace::create(workspaces.path(), owner, &modules).unwrap();
                workspace.write(STATE, b"{}").unwrap();
                workspace.remove().unwrap();
            }
        };
        std::thread::scope(|scope| {
            let making = [scope.spawn(make_and_remove), scope.spawn(make_and_remove)];
            while !making.iter().all(|making| making.is_finished()) {
                assert!(Leftover::find(workspaces.path()).unwrap().is_empty());
                Leftover::of_earlier_attempts(workspaces.path(), site).unwrap();
            }
        });
        assert_eq!(fs::read_dir(workspaces.path()).unwrap().count(), 0);
    }
}
