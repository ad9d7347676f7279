//! Workspaces that are gone with their machine, and disks that are full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use domain::{
    deployment::{DeploymentKind, DeploymentStatus},
    id::{DeploymentId, SiteId},
    step::{StepName, StepStatus},
};
use serde_json::json;
use worker::Settings;

use super::{
    Stage,
    invariants::{processes_in, until},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_is_gone_with_its_workspaces_leaves_nothing_unknown() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "aws_vpc", "operation": "create", "delay_ms": 60_000, "times": 1},
    ]));
    let first = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    stage.wait_for_call(create, 1, "create", "aws_vpc").await;
    first.vanish().await;
    until("what the worker started ends by itself", async || {
        processes_in(&stage.workspaces()).is_empty()
    })
    .await;
    fs::remove_dir_all(stage.workspaces()).unwrap();

    let second = stage.start_worker_with(Settings {
        workspaces: stage.folder.path().join("elsewhere"),
        ..stage.settings()
    });
    let settled = stage
        .wait_until(create, |deployment| {
            deployment.attempt == 2
                && (deployment.status.is_final() || deployment.status == DeploymentStatus::AwaitingApproval)
        })
        .await;
    if settled.status == DeploymentStatus::AwaitingApproval {
        let reason = settled.reason.unwrap();
        assert!(reason.contains("goes beyond the approved one"), "{reason}");
        stage.approve(create).await;
    }
    stage.wait_for(create, DeploymentStatus::Succeeded).await;
    second.stop().await;
    stage.assert_in_order(site).await;
    stage.assert_events_whole(create).await;
}

/// A small file system that ends with the test.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// `None` where this test may not mount.
    fn mount(folder: &Path, megabytes: u32) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(folder)
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self {
            folder: folder.to_owned(),
        })
    }

    fn fill(&self) {
        use std::io::Write;
        let mut filler = fs::File::create(self.folder.join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.folder.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(&self.folder).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

impl Stage {
    async fn retry(&self, site: SiteId) -> DeploymentId {
        self.change_site(site, DeploymentKind::Update, |_| {}).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_a_deployment_in_words_and_the_next_one_finds_all_that_was_made() {
    let stage = Stage::new().await;
    let folder = stage.folder.path().join("disk");
    let Some(disk) = SmallDisk::mount(&folder, 8) else {
        eprintln!("SKIPPED: a full disk needs a mount, which is refused here");
        return;
    };
    let settings = Settings {
        workspaces: folder.join("workspaces"),
        ..stage.settings()
    };
    let worker = stage.start_worker_with(settings.clone());
    until("the worker is ready", async || settings.workspaces.is_dir()).await;

    disk.fill();
    let (site, create) = stage.create_site("shop-1", false).await;
    let failed = stage.wait_for(create, DeploymentStatus::Failed).await;
    let reason = failed.reason.unwrap();
    assert!(reason.contains("No space left on device"), "{reason}");
    disk.free();

    stage.set_faults(&json!([
        {"type": "aws_internet_gateway", "operation": "create", "delay_ms": 1_000, "times": 1},
    ]));
    let full = stage.retry(site).await;
    stage
        .wait_for_call(full, 1, "create", "aws_internet_gateway")
        .await;
    disk.fill();
    let failed = stage.wait_for(full, DeploymentStatus::Failed).await;
    let reason = failed.reason.unwrap();
    assert!(!reason.is_empty());
    let steps = stage.steps(full).await;
    let apply = steps.iter().find(|step| step.name == StepName::Apply).unwrap();
    assert_eq!(apply.status, StepStatus::Failed);
    assert!(
        apply
            .error
            .as_ref()
            .unwrap()
            .to_string()
            .contains("no space left"),
        "{:?}",
        apply.error
    );
    disk.free();
    let made = stage.standing();
    assert!(!made.is_empty());
    assert_eq!(
        stage.in_state(site).await.0,
        made,
        "the state that no disk took is stored"
    );
    assert_eq!(stage.known(site).await, made);

    let again = stage.retry(site).await;
    stage.wait_for(again, DeploymentStatus::Succeeded).await;
    worker.stop().await;
    assert!(
        made.iter().all(|resource| stage.standing().contains(resource)),
        "what was made is kept"
    );
    stage.assert_in_order(site).await;
    assert_eq!(fs::read_dir(&settings.workspaces).unwrap().count(), 0);
}
