//! Where Terraform's plugins come from: a prepared directory (a filesystem mirror), never the network.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The registry whose plugins a mirror holds, and the directory in it that tells that it is one.
const REGISTRY: &str = "registry.terraform.io";

/// The places where a mirror is looked for.
#[derive(Debug, Clone, Default)]
pub struct MirrorSearch {
    /// The setting. If it is there nothing else is looked at.
    pub setting: Option<PathBuf>,
    /// Directories that may be a mirror themselves, first one first.
    pub mirrors: Vec<PathBuf>,
    /// Directories that may hold a mirror under any name.
    pub parents: Vec<PathBuf>,
}

impl MirrorSearch {
    /// The setting, then Terraform's implied directories
    /// (<https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories>), then
    /// one level under `/opt`, `/usr/local/share`, `/usr/share` and the home folder.
    #[must_use]
    pub fn new(setting: Option<&Path>, home: Option<&Path>, xdg_data_home: Option<&Path>) -> Self {
        let mut mirrors = Vec::new();
        mirrors.extend(home.map(|home| home.join(".terraform.d/plugins")));
        let data_home = match (xdg_data_home, home) {
            (Some(data_home), _) => Some(data_home.to_path_buf()),
            (None, Some(home)) => Some(home.join(".local/share")),
            (None, None) => None,
        };
        mirrors.extend(data_home.map(|data_home| data_home.join("terraform/plugins")));
        mirrors.extend(
            [
                "/usr/local/share/terraform/plugins",
                "/usr/share/terraform/plugins",
            ]
            .map(PathBuf::from),
        );
        let mut parents: Vec<PathBuf> = ["/opt", "/usr/local/share", "/usr/share"]
            .map(PathBuf::from)
            .to_vec();
        parents.extend(home.map(Path::to_path_buf));
        Self {
            setting: setting.map(Path::to_path_buf),
            mirrors,
            parents,
        }
    }

    /// The first mirror there is.
    ///
    /// # Errors
    /// There is none; the error lists what was searched and says how to make one.
    pub fn find(&self) -> Result<PathBuf, MirrorNotFound> {
        if let Some(setting) = &self.setting {
            return if is_mirror(setting) {
                Ok(setting.clone())
            } else {
                Err(MirrorNotFound {
                    searched: vec![setting.display().to_string()],
                })
            };
        }
        let named = self.mirrors.iter().find(|mirror| is_mirror(mirror)).cloned();
        named
            .or_else(|| self.parents.iter().find_map(|parent| mirror_in(parent)))
            .ok_or_else(|| {
                let one_level = self.parents.iter().map(|parent| parent.join("*"));
                let searched = self.mirrors.iter().cloned().chain(one_level);
                MirrorNotFound {
                    searched: searched.map(|path| path.display().to_string()).collect(),
                }
            })
    }
}

/// No directory of prepared plugins was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct MirrorNotFound {
    /// What was looked at.
    pub searched: Vec<String>,
}

impl fmt::Display for MirrorNotFound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "no Terraform plugins found: none of these directories holds {REGISTRY}"
        )?;
        for path in &self.searched {
            writeln!(formatter, "  {path}")?;
        }
        write!(
            formatter,
            "make one with `terraform providers mirror <directory>` in a folder that requires the providers, \
             and set SITEPLANE__TERRAFORM__PLUGIN_MIRROR to it"
        )
    }
}

/// A plugin in a mirror.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginVersion {
    /// `hashicorp/aws`.
    pub provider: String,
    /// `5.100.0`.
    pub version: String,
    /// `linux_amd64`.
    pub platform: String,
}

/// The plugins of a mirror, unpacked (`<type>/<version>/<platform>/`) or packed
/// (`<type>/terraform-provider-<type>_<version>_<platform>.zip`), sorted by their text.
///
/// # Errors
/// A directory can't be read.
pub fn plugin_versions(mirror: &Path) -> io::Result<Vec<PluginVersion>> {
    let mut versions = Vec::new();
    for namespace in names(&mirror.join(REGISTRY))? {
        let namespace_path = mirror.join(REGISTRY).join(&namespace);
        for kind in names(&namespace_path)? {
            let provider = format!("{namespace}/{kind}");
            let kind_path = namespace_path.join(&kind);
            for name in names(&kind_path)? {
                if let Some((version, platform)) = packed(&name, &kind) {
                    versions.push(PluginVersion {
                        provider: provider.clone(),
                        version,
                        platform,
                    });
                    continue;
                }
                for platform in names(&kind_path.join(&name))? {
                    versions.push(PluginVersion {
                        provider: provider.clone(),
                        version: name.clone(),
                        platform,
                    });
                }
            }
        }
    }
    versions.sort();
    Ok(versions)
}

/// Writes Terraform's own settings: plugins come from the mirror and from nowhere else.
///
/// # Errors
/// The mirror's path is no UTF-8, or the file can't be written.
pub fn write_cli_config(file: &Path, mirror: &Path) -> io::Result<()> {
    let mirror = mirror.to_str().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is no UTF-8 path", mirror.display()),
        )
    })?;
    let text = format!(
        "disable_checkpoint = true\n\
         provider_installation {{\n  \
           filesystem_mirror {{\n    \
             path    = {}\n    \
             include = [\"{REGISTRY}/*/*\"]\n  \
           }}\n\
         }}\n",
        quoted(mirror)
    );
    fs::write(file, text)
}

/// A text as HCL 1, which these files are written in, quotes it.
fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

fn is_mirror(path: &Path) -> bool {
    path.join(REGISTRY).is_dir()
}

/// Not being allowed to look into a directory is the same as finding nothing there: it goes on.
fn mirror_in(parent: &Path) -> Option<PathBuf> {
    let mut children: Vec<PathBuf> = fs::read_dir(parent)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    children.sort();
    children.into_iter().find(|child| is_mirror(child))
}

/// The names in a directory; nothing for a file, such as Terraform's index files.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn packed(name: &str, kind: &str) -> Option<(String, String)> {
    let rest = name
        .strip_suffix(".zip")?
        .strip_prefix("terraform-provider-")?
        .strip_prefix(kind)?;
    let (version, platform) = rest.strip_prefix('_')?.split_once('_')?;
    Some((version.to_owned(), platform.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(at: &Path) -> PathBuf {
        fs::create_dir_all(at.join("registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64")).unwrap();
        at.to_path_buf()
    }

    fn search(root: &Path) -> MirrorSearch {
        let mut search = MirrorSearch::new(None, Some(&root.join("home")), None);
        // Everything below the root of the test, so that what this machine has is not found.
        for path in search
            .mirrors
            .iter_mut()
            .chain(&mut search.parents)
            .filter(|path| !path.starts_with(root))
        {
            *path = root.join(path.strip_prefix("/").unwrap());
        }
        search
    }

    #[test]
    fn the_places_are_tried_in_their_order() {
        let root = tempfile::tempdir().unwrap();
        let search = search(root.path());
        let places = [
            "home/any",
            "usr/share/any",
            "opt/any",
            "usr/share/terraform/plugins",
            "usr/local/share/terraform/plugins",
            "home/.local/share/terraform/plugins",
            "home/.terraform.d/plugins",
        ];
        for place in places {
            let made = mirror(&root.path().join(place));
            assert_eq!(
                search.find(),
                Ok(made),
                "each of these goes before those before it"
            );
        }
        let setting = mirror(&root.path().join("setting"));
        let with_setting = MirrorSearch {
            setting: Some(setting.clone()),
            ..search
        };
        assert_eq!(with_setting.find(), Ok(setting));
    }

    #[test]
    fn the_data_home_of_the_user_replaces_its_default() {
        let search = MirrorSearch::new(None, Some(Path::new("/home/a")), Some(Path::new("/data")));
        assert!(search.mirrors.contains(&PathBuf::from("/data/terraform/plugins")));
        assert!(
            !search
                .mirrors
                .contains(&PathBuf::from("/home/a/.local/share/terraform/plugins"))
        );
    }

    #[test]
    fn without_a_mirror_it_says_what_was_searched_and_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let text = search(root.path()).find().unwrap_err().to_string();
        for part in [
            "/home/.terraform.d/plugins\n",
            "/opt/*\n",
            "terraform providers mirror",
            "PLUGIN_MIRROR",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_setting_that_is_no_mirror_is_an_error_even_if_there_is_another() {
        let root = tempfile::tempdir().unwrap();
        mirror(&root.path().join("opt/any"));
        let search = MirrorSearch {
            setting: Some("/nowhere".into()),
            ..search(root.path())
        };
        assert_eq!(search.find().unwrap_err().searched, ["/nowhere"]);
    }

    #[test]
    fn plugins_are_listed_unpacked_and_packed() {
        let root = tempfile::tempdir().unwrap();
        mirror(root.path());
        let linode = root.path().join("registry.terraform.io/linode/linode");
        fs::create_dir_all(&linode).unwrap();
        for file in [
            "terraform-provider-linode_3.13.0_linux_arm64.zip",
            "index.json",
            "3.13.0.json",
        ] {
            fs::write(linode.join(file), "").unwrap();
        }
        let plugin = |provider: &str, version: &str, platform: &str| PluginVersion {
            provider: provider.into(),
            version: version.into(),
            platform: platform.into(),
        };
        assert_eq!(
            plugin_versions(root.path()).unwrap(),
            [
                plugin("hashicorp/aws", "5.100.0", "linux_amd64"),
                plugin("linode/linode", "3.13.0", "linux_arm64")
            ]
        );
    }
}
