//! The Terraform modules: what they are made of, and copies of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// Folders of the modules that a site of this provider needs; all lie beside each other in a workspace.
const SHARED: &str = "cloud-init";

/// What a module set is: any change of a file that Terraform reads is another digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSet {
    /// The folder that holds the providers' folders.
    folder: PathBuf,
    /// The provider's folder in it, such as `aws`.
    provider: String,
    /// SHA-256 of names and contents, in hexadecimal.
    pub digest: String,
}

impl ModuleSet {
    /// Reads the modules of a provider under `folder`.
    ///
    /// # Errors
    /// The folder can't be read, or has no root module for the provider.
    pub fn read(folder: &Path, provider: &str) -> io::Result<Self> {
        let root = folder.join(provider).join("root").join("main.tf");
        if !root.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{} is no file", root.display()),
            ));
        }
        let mut hash = Sha256::new();
        for part in [provider, SHARED] {
            for file in files(&folder.join(part))? {
                let name = file.strip_prefix(folder).expect("files() lists below its folder");
                let content = fs::read(&file)?;
                hash.update(name.as_os_str().as_encoded_bytes());
                hash.update([0]);
                hash.update(content.len().to_be_bytes());
                hash.update(content);
            }
        }
        let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            folder: folder.to_owned(),
            provider: provider.to_owned(),
            digest,
        })
    }

    /// A version for people: the release and the beginning of the digest.
    pub fn version(&self) -> String {
        format!("{}+{}", env!("CARGO_PKG_VERSION"), &self.digest[..12])
    }

    /// Copies the modules to `target` and gives the folder that Terraform runs in.
    ///
    /// # Errors
    /// A file can't be read or written.
    pub fn copy_to(&self, target: &Path) -> io::Result<PathBuf> {
        for part in [self.provider.as_str(), SHARED] {
            for file in files(&self.folder.join(part))? {
                let copy = target.join(
                    file.strip_prefix(&self.folder)
                        .expect("files() lists below its folder"),
                );
                fs::create_dir_all(copy.parent().expect("a file has a folder"))?;
                // By content: a read-only original must not make a read-only copy.
                fs::write(copy, fs::read(&file)?)?;
            }
        }
        Ok(target.join(&self.provider).join("root"))
    }
}

/// The files that Terraform reads below `folder`, sorted; tests, examples and what Terraform left are not.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if entry.file_type()?.is_dir() {
                if !matches!(&*name, "tests" | "examples" | ".terraform") {
                    folders.push(path);
                }
            } else if name.ends_with(".tf") || name.ends_with(".tftpl") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_terraform_reads_makes_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("aws/root/main.tf", "a");
        write("cloud-init/site.yaml.tftpl", "b");
        let before = ModuleSet::read(folder.path(), "aws").unwrap();
        write("aws/site/README.md", "words");
        write("aws/site/tests/site.tftest.hcl", "words");
        assert_eq!(
            ModuleSet::read(folder.path(), "aws").unwrap().digest,
            before.digest
        );
        write("aws/root/main.tf", "c");
        assert_ne!(
            ModuleSet::read(folder.path(), "aws").unwrap().digest,
            before.digest
        );
        assert!(ModuleSet::read(folder.path(), "azure").is_err());
        let copy = tempfile::tempdir().unwrap();
        let root = before.copy_to(copy.path()).unwrap();
        assert_eq!(fs::read_to_string(root.join("main.tf")).unwrap(), "c");
        assert!(copy.path().join("cloud-init/site.yaml.tftpl").is_file());
        assert!(!copy.path().join("aws/site").exists());
    }
}
