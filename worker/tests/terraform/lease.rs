//! The end of the lease, the end of the worker, the end of the supervisor.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use worker::terraform::{
    boot_clock_ms,
    command::{ExitReason, LeaseTerms, SupervisorError},
};

use super::supervisor::{
    Bare, Workspace, eventually, long_lease, run, spawn_run, start, terraform, terraform_module,
};

/// Starts a grandchild that does not listen to interrupts, in a session of its own, and stays.
const STUBBORN_FAMILY: &str = "setsid sh -c 'trap \"\" INT TERM; echo $$ > grandchild.pid; \
    while :; do sleep 0.05; done' & trap 'echo interrupted > signals' INT; while :; do sleep 0.05; done";

fn short_lease() -> LeaseTerms {
    LeaseTerms {
        margin: Duration::from_millis(200),
        grace: Duration::from_millis(300),
        good_until_boot_ms: boot_clock_ms() + 2_000,
    }
}

#[tokio::test]
async fn without_renewal_the_program_is_ended_before_the_lease_with_renewal_it_goes_on() {
    let workspace = Workspace::new();
    let terms = short_lease();
    let supervisor = start(terms);
    let handle = supervisor.lease_handle();
    let running = spawn_run(supervisor, workspace.shell("echo $$ > ready; exec sleep 300"));
    eventually("it runs", || workspace.pid("ready").is_some()).await;
    let mut good_until = terms.good_until_boot_ms;
    eventually("two leases have passed", || {
        good_until = boot_clock_ms() + 2_000;
        assert!(handle.extend(good_until), "the supervisor is there");
        assert!(!running.is_finished(), "a renewed lease does not end it");
        boot_clock_ms() > terms.good_until_boot_ms + 2_000
    })
    .await;
    let exit = running.await.unwrap().0.unwrap();
    let ended_at = boot_clock_ms();
    assert_eq!((exit.signal, exit.reason), (Some(2), ExitReason::LeaseEnded));
    assert!(
        ended_at + 200 >= good_until,
        "not before the margin: {ended_at} {good_until}"
    );
    assert_eq!(workspace.living(), []);
    assert!(
        !handle.extend(good_until + 60_000),
        "an ended lease can't be renewed: the supervisor has left"
    );
}

#[tokio::test]
async fn who_ignores_the_end_of_the_lease_is_killed_with_its_family() {
    let workspace = Workspace::new();
    let running = spawn_run(start(short_lease()), workspace.shell(STUBBORN_FAMILY));
    let exit = running.await.unwrap().0.unwrap();
    assert_eq!((exit.signal, exit.reason), (Some(9), ExitReason::LeaseEnded));
    assert_eq!(
        workspace.read("signals").as_deref(),
        Some("interrupted\n"),
        "it was asked first"
    );
    assert!(workspace.pid("grandchild.pid").is_some());
    assert_eq!(workspace.living(), []);
}

#[tokio::test]
async fn nothing_is_started_without_a_lease_or_after_its_end() {
    let workspace = Workspace::new();
    let mut supervisor = start(LeaseTerms {
        good_until_boot_ms: boot_clock_ms(),
        ..short_lease()
    });
    let (result, _) = run(&mut supervisor, workspace.shell("touch started")).await;
    let error = result.unwrap_err().to_string();
    assert_eq!(error, "the program was not started: the lease has ended");
    assert!(!workspace.has("started"));
}

#[tokio::test]
async fn the_end_of_the_pipe_ends_the_program_and_its_grandchildren() {
    let workspace = Workspace::new();
    let mut bare = Bare::start(long_lease());
    bare.run(&workspace.shell(STUBBORN_FAMILY));
    eventually("the grandchild runs", || {
        workspace.pid("grandchild.pid").is_some()
    })
    .await;
    bare.stdin = None;
    eventually("the supervisor ends", || bare.has_ended()).await;
    assert_eq!(
        workspace.living(),
        [],
        "at the moment when the supervisor is gone, all of it is"
    );
    assert_eq!(
        workspace.read("signals").as_deref(),
        Some("interrupted\n"),
        "it was asked first"
    );
    assert_eq!(bare.process.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_worker_that_is_frozen_loses_the_program_at_the_end_of_the_lease() {
    let workspace = Workspace::new();
    let mut bare = Bare::start(short_lease());
    // It prints more than a pipe holds and nobody reads: neither that nor the open pipe keeps it alive.
    bare.run(&workspace.shell("trap '' INT; echo $$ > ready; while :; do echo line of output; done"));
    eventually("it runs", || workspace.pid("ready").is_some()).await;
    eventually("the supervisor ends", || bare.has_ended()).await;
    assert_eq!(workspace.living(), []);
}

#[tokio::test]
async fn a_dropped_supervisor_lets_terraform_save_its_state() {
    let workspace = Workspace::new();
    terraform_module(&workspace, "echo $$ > slow.pid; sleep 300");
    let terraform = terraform().await;
    let mut supervisor = start(LeaseTerms {
        grace: Duration::from_secs(60),
        ..long_lease()
    });
    run(&mut supervisor, workspace.run(&terraform, &["init"]))
        .await
        .0
        .unwrap();
    let pid = supervisor.pid();
    let applying = spawn_run(
        supervisor,
        workspace.run(&terraform, &["apply", "-auto-approve", "-json"]),
    );
    eventually("the provisioner runs", || workspace.pid("slow.pid").is_some()).await;
    applying.abort();
    eventually("all is gone", || workspace.living().is_empty()).await;
    let state = workspace.read("terraform.tfstate").unwrap();
    assert!(state.contains("tainted"), "{state}");
    eventually("the supervisor ends", || {
        worker::terraform::processes::Process::find(pid).is_none()
    })
    .await;
}

#[tokio::test]
async fn a_supervisor_that_is_killed_leaves_nothing_and_is_told_as_dead() {
    let workspace = Workspace::new();
    let supervisor = start(long_lease());
    let pid = Pid::from_raw(supervisor.pid()).unwrap();
    let family = "sh -c 'trap \"\" INT TERM; echo $$ > child.pid; while :; do sleep 0.05; done' & \
        setsid sh -c 'echo $$ > grandchild.pid; while :; do sleep 0.05; done' & \
        while :; do sleep 0.05; done";
    let running = spawn_run(supervisor, workspace.shell(family));
    eventually("all run", || {
        ["child.pid", "grandchild.pid"]
            .iter()
            .all(|f| workspace.pid(f).is_some())
    })
    .await;
    kill_process(pid, Signal::KILL).unwrap();
    let error = running.await.unwrap().0.unwrap_err();
    assert_eq!(
        workspace.living(),
        [],
        "when the run has ended nothing of it lives"
    );
    assert!(
        matches!(&error, SupervisorError::Died { status, .. } if status.contains("signal: 9")),
        "{error}"
    );
}

#[tokio::test]
async fn when_worker_and_supervisor_are_both_killed_the_kernel_ends_the_program() {
    let workspace = Workspace::new();
    let mut bare = Bare::start(long_lease());
    bare.run(&workspace.shell("echo $$ > ready; exec sleep 300"));
    eventually("it runs", || workspace.pid("ready").is_some()).await;
    bare.process.kill().unwrap();
    eventually("it is gone", || workspace.living().is_empty()).await;
}

#[tokio::test]
async fn a_supervisor_that_is_frozen_is_killed_with_all_when_it_does_not_answer() {
    let workspace = Workspace::new();
    let supervisor = start(long_lease());
    let pid = Pid::from_raw(supervisor.pid()).unwrap();
    let handle = supervisor.lease_handle();
    let running = spawn_run(
        supervisor,
        workspace.shell("echo $$ > ready; while :; do sleep 0.05; done"),
    );
    eventually("it runs", || workspace.pid("ready").is_some()).await;
    kill_process(pid, Signal::STOP).unwrap();
    handle.interrupt(Duration::from_millis(100));
    let error = running.await.unwrap().0.unwrap_err();
    assert!(matches!(error, SupervisorError::Unresponsive), "{error}");
    assert_eq!(workspace.living(), []);
}

#[tokio::test]
async fn signals_to_a_whole_service_do_not_end_the_supervisor() {
    let workspace = Workspace::new();
    let supervisor = start(long_lease());
    let pid = Pid::from_raw(supervisor.pid()).unwrap();
    let running = spawn_run(
        supervisor,
        workspace.shell("touch ready; while [ ! -e go ]; do sleep 0.02; done; echo end"),
    );
    eventually("it runs", || workspace.has("ready")).await;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(pid, signal).unwrap();
    }
    std::fs::write(workspace.path().join("go"), "").unwrap();
    let (exit, lines) = running.await.unwrap();
    assert_eq!(exit.unwrap().code, Some(0));
    assert_eq!(lines[0].text, "end");
}

#[tokio::test]
async fn a_message_that_is_not_understood_ends_the_program() {
    let workspace = Workspace::new();
    let mut bare = Bare::start(long_lease());
    bare.run(&workspace.shell("echo $$ > ready; while :; do sleep 0.05; done"));
    eventually("it runs", || workspace.pid("ready").is_some()).await;
    bare.say(&serde_json::json!({ "stop": "please" }));
    eventually("the supervisor ends", || bare.has_ended()).await;
    assert_eq!(workspace.living(), []);
}
