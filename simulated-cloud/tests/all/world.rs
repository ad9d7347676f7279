//! A directory with a mirror, a cloud and workspaces, and the real Terraform in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value as Json;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_simulated-cloud");

pub(crate) struct World {
    directory: tempfile::TempDir,
}

/// A folder with a configuration, under the name of an attempt.
pub(crate) struct Workspace<'a> {
    world: &'a World,
    pub(crate) directory: PathBuf,
    attempt: String,
    latency_ms: u64,
}

impl World {
    pub(crate) fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let mirror = directory.path().join("mirror");
        let made = Command::new(PROGRAM).arg("mirror").arg(&mirror).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let configuration = format!(
            "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{ path = \"{}\" }}\n}}\n",
            mirror.display()
        );
        fs::write(directory.path().join("terraformrc"), configuration).unwrap();
        World { directory }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub(crate) fn workspace(&self, name: &str, configuration: &str) -> Workspace<'_> {
        let directory = self.directory.path().join(name);
        fs::create_dir(&directory).unwrap();
        let workspace = Workspace {
            world: self,
            directory,
            attempt: name.to_owned(),
            latency_ms: 0,
        };
        workspace.write(configuration);
        workspace.succeed(&["init"]);
        workspace
    }

    /// The root module of a cloud with one of the examples and `more`, ready for a plan.
    pub(crate) fn site(&self, cloud: &str, example: &str, more: &str) -> Workspace<'_> {
        let mut workspace = self.workspace("site", "");
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform-modules");
        for folder in [cloud, "cloud-init"] {
            copy(&modules.join(folder), &workspace.directory.join(folder));
        }
        workspace.directory = workspace.directory.join(cloud).join("root");
        let example = workspace
            .directory
            .join(format!("../site/examples/{example}.tfvars"));
        fs::copy(example, workspace.directory.join("1.auto.tfvars")).unwrap();
        fs::write(workspace.directory.join("2.auto.tfvars"), more).unwrap();
        workspace.succeed(&["init"]);
        workspace
    }

    pub(crate) fn faults(&self, json: &str) {
        fs::create_dir_all(self.store()).unwrap();
        fs::write(self.store().join("faults.json"), json).unwrap();
    }

    /// The resources of a type: path and content.
    pub(crate) fn resources(&self, type_name: &str) -> Vec<(PathBuf, Json)> {
        let directory = self.store().join("resources/aws").join(type_name);
        let Ok(entries) = fs::read_dir(directory) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        let whole = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        whole
            .filter_map(|path| {
                Some((
                    path.clone(),
                    serde_json::from_slice(&fs::read(&path).ok()?).unwrap(),
                ))
            })
            .collect()
    }

    pub(crate) fn only_resource(&self, type_name: &str) -> (PathBuf, Json) {
        let mut all = self.resources(type_name);
        assert_eq!(all.len(), 1, "{type_name}: {all:?}");
        all.remove(0)
    }

    pub(crate) fn journal(&self) -> Vec<Json> {
        let text = fs::read_to_string(self.store().join("journal.ndjson")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
            .collect()
    }

    /// Waits for a line of the journal.
    pub(crate) fn await_line(&self, operation: &str, phase: &str, type_name: &str) {
        wait_until(&format!("{phase} of {operation} of {type_name}"), || {
            self.journal().iter().any(|line| {
                line["operation"] == operation && line["phase"] == phase && line["type"] == type_name
            })
        });
    }

    /// Every byte in the store, for what must not be there.
    pub(crate) fn everything(&self) -> String {
        fn gather(path: &Path, text: &mut String) {
            for entry in fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => gather(&path, text),
                    false => text.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap())),
                }
            }
        }
        let mut text = String::new();
        gather(&self.store(), &mut text);
        text
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &copied),
            false => drop(fs::copy(&path, &copied).unwrap()),
        }
    }
}

impl Workspace<'_> {
    pub(crate) fn with_latency(mut self, milliseconds: u64) -> Self {
        self.latency_ms = milliseconds;
        self
    }

    pub(crate) fn write(&self, configuration: &str) {
        let provider = "provider \"aws\" {\n  region = \"eu-central-1\"\n}\n";
        fs::write(
            self.directory.join("main.tf"),
            format!("{provider}{configuration}"),
        )
        .unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env_remove("TF_LOG")
            .env(
                "TF_CLI_CONFIG_FILE",
                self.world.directory.path().join("terraformrc"),
            )
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("SIMULATED_CLOUD_DIR", self.world.store())
            .env("SIMULATED_CLOUD_ATTEMPT", &self.attempt)
            .env("SIMULATED_CLOUD_LATENCY_MS", self.latency_ms.to_string())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn run_without_cloud(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .env_remove("SIMULATED_CLOUD_DIR")
            .output()
            .unwrap()
    }

    /// Starts Terraform as the leader of a process group, as a shell does.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        use std::os::unix::process::CommandExt;
        self.command(arguments)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = text_of(&output);
        assert!(output.status.success(), "terraform {arguments:?}:\n{text}");
        text
    }

    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = text_of(&output);
        assert!(
            !output.status.success(),
            "terraform {arguments:?} should fail:\n{text}"
        );
        // Terraform wraps its diagnostics; the tests look for sentences.
        text.replace("│", " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    pub(crate) fn apply(&self) -> String {
        self.succeed(&["apply", "-auto-approve"])
    }

    /// Asserts that a plan changes nothing.
    pub(crate) fn is_settled(&self) {
        let output = self.run(&["plan", "-detailed-exitcode"]);
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    }

    /// What a plan would do: address and actions, without what stays.
    pub(crate) fn planned_actions(&self) -> Vec<(String, Vec<String>)> {
        self.succeed(&["plan", "-out=kept.plan"]);
        let plan: Json = serde_json::from_str(&self.succeed(&["show", "-json", "kept.plan"])).unwrap();
        let changes = plan["resource_changes"].as_array().cloned().unwrap_or_default();
        let named = changes.into_iter().map(|change| {
            let actions = change["change"]["actions"].as_array().unwrap().iter();
            (
                change["address"].as_str().unwrap().to_owned(),
                actions
                    .map(|action| action.as_str().unwrap().to_owned())
                    .collect::<Vec<_>>(),
            )
        });
        named.filter(|(_, actions)| actions != &["no-op"]).collect()
    }

    /// The state file's instance of a resource.
    pub(crate) fn instance(&self, type_name: &str) -> Option<Json> {
        let state: Json =
            serde_json::from_slice(&fs::read(self.directory.join("terraform.tfstate")).ok()?).unwrap();
        let resources = state["resources"].as_array().unwrap().iter();
        let mut found =
            resources.filter(|resource| resource["mode"] == "managed" && resource["type"] == type_name);
        found.next().map(|resource| resource["instances"][0].clone())
    }

    /// The ids of the plugin processes that a Terraform in this folder started.
    pub(crate) fn plugins(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        processes
            .filter(|pid: &u32| {
                let here = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == self.directory);
                let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                here && String::from_utf8_lossy(&arguments).contains("terraform-provider-aws")
            })
            .collect()
    }
}

pub(crate) fn text_of(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// As Ctrl-C does: to every process of the group.
pub(crate) fn signal_group(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process_group(pid, signal).unwrap();
}
