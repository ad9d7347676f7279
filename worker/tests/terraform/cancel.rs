//! Interrupt, grace, kill, deadline.

use std::time::{Duration, Instant};

use worker::terraform::{
    command::{ExitReason, SupervisorError},
    stream::{Action, Diagnostics, UiEvent, UiLine},
};

use super::supervisor::{
    Workspace, eventually, long_lease, run, spawn_run, start, terraform, terraform_module, texts,
};

#[tokio::test]
async fn a_cancelled_apply_winds_down_saves_its_state_and_leaves_nothing() {
    let workspace = Workspace::new();
    terraform_module(&workspace, "echo $$ > slow.pid; sleep 300");
    let terraform = terraform().await;
    let mut supervisor = start(long_lease());
    let (exit, lines) = run(
        &mut supervisor,
        workspace.run(&terraform, &["init", "-json", "-input=false"]),
    )
    .await;
    assert_eq!(exit.unwrap().code, Some(0), "{lines:?}");

    let handle = supervisor.lease_handle();
    let apply = workspace.run(&terraform, &["apply", "-json", "-input=false", "-auto-approve"]);
    let applying = spawn_run(supervisor, apply);
    eventually("the provisioner runs", || workspace.pid("slow.pid").is_some()).await;
    assert!(handle.interrupt(Duration::from_secs(60)));
    let (exit, lines) = applying.await.unwrap();
    let exit = exit.unwrap();
    assert_eq!(
        (exit.code, exit.signal, exit.reason),
        (Some(1), None, ExitReason::Interrupted)
    );

    let mut diagnostics = Diagnostics::default();
    let events: Vec<UiLine> = lines.iter().map(|line| UiLine::parse(&line.text)).collect();
    events.iter().for_each(|event| diagnostics.observe(event));
    assert!(
        events
            .iter()
            .any(|line| line.message.contains("Interrupt received.")),
        "{events:?}"
    );
    let failures = diagnostics.join();
    assert_eq!(failures[0].address.as_deref(), Some("terraform_data.slow"));
    assert!(
        failures[0].to_string().contains("local-exec provisioner error"),
        "{}",
        failures[0]
    );
    let begun = events.iter().find_map(|line| match &line.event {
        UiEvent::ApplyStart(operation) => Some(operation.action.clone()),
        _ => None,
    });
    assert_eq!(begun, Some(Action::Create));
    let state: serde_json::Value =
        serde_json::from_str(&workspace.read("terraform.tfstate").unwrap()).unwrap();
    assert_eq!(
        state["resources"][0]["instances"][0]["status"], "tainted",
        "the state is saved"
    );
    assert!(!workspace.has(".terraform.tfstate.lock.info"), "the lock is gone");
    assert_eq!(workspace.living(), []);
}

#[tokio::test]
async fn who_ignores_the_interrupt_is_killed_after_the_grace_and_not_before() {
    let workspace = Workspace::new();
    let supervisor = start(long_lease());
    let handle = supervisor.lease_handle();
    let script = "trap 'echo interrupted >> signals' INT; echo $$ > ready; while :; do sleep 0.05; done";
    let running = spawn_run(supervisor, workspace.shell(script));
    eventually("it runs", || workspace.pid("ready").is_some()).await;
    let began = Instant::now();
    handle.interrupt(Duration::from_millis(700));
    eventually("it is interrupted", || workspace.has("signals")).await;
    // Asked again, as people do: it must not see a second interrupt, nor get more time.
    handle.interrupt(Duration::from_secs(60));
    let exit = running.await.unwrap().0.unwrap();
    assert_eq!(
        (exit.code, exit.signal, exit.reason),
        (None, Some(9), ExitReason::Interrupted)
    );
    assert!(
        began.elapsed() >= Duration::from_millis(700),
        "{:?}",
        began.elapsed()
    );
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(workspace.read("signals").unwrap(), "interrupted\n");
    assert_eq!(workspace.living(), []);
}

#[tokio::test]
async fn a_run_over_its_deadline_is_interrupted_then_killed_and_says_why() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    let mut patient = workspace.shell("trap 'echo bye; exit 3' INT; while :; do sleep 0.05; done");
    patient.deadline = Duration::from_millis(500);
    patient.grace = Duration::from_secs(60);
    let (exit, lines) = run(&mut supervisor, patient).await;
    let exit = exit.unwrap();
    assert_eq!((exit.code, exit.reason), (Some(3), ExitReason::Deadline));
    assert_eq!(texts(&lines), ["bye"]);

    let mut stubborn = workspace.shell("trap '' INT; while :; do sleep 0.05; done");
    stubborn.deadline = Duration::from_millis(100);
    let exit = run(&mut supervisor, stubborn).await.0.unwrap();
    assert_eq!((exit.signal, exit.reason), (Some(9), ExitReason::Deadline));

    let exit = run(&mut supervisor, workspace.shell("exit 0")).await.0.unwrap();
    assert_eq!(
        (exit.code, exit.reason),
        (Some(0), ExitReason::Exited),
        "a deadline stops only its own run"
    );
    assert_eq!(workspace.living(), []);
}

#[tokio::test]
async fn a_cancel_between_two_programs_keeps_the_next_from_starting_until_it_is_resumed() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    supervisor.lease_handle().interrupt(Duration::from_secs(1));
    let (result, _) = run(&mut supervisor, workspace.shell("touch started")).await;
    assert!(matches!(result, Err(SupervisorError::Interrupted)), "{result:?}");
    supervisor.resume();
    let (result, _) = run(&mut supervisor, workspace.shell("touch resumed")).await;
    assert_eq!(result.unwrap().code, Some(0));
    assert!(workspace.has("resumed") && !workspace.has("started"));
}

#[tokio::test]
async fn a_run_that_is_given_up_is_interrupted_and_makes_room_for_the_next() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    let (lines, mut received) = tokio::sync::mpsc::channel(1);
    let endless =
        workspace.shell("trap 'touch interrupted; exit 0' INT; echo up; while :; do sleep 0.05; done");
    tokio::select! {
        _ = supervisor.run(endless, lines) => panic!("it never ends by itself"),
        line = received.recv() => assert_eq!(line.unwrap().text, "up"),
    }
    eventually("it is interrupted", || workspace.has("interrupted")).await;
    eventually("it is gone", || workspace.living().is_empty()).await;
    loop {
        match run(&mut supervisor, workspace.shell("echo second")).await {
            (Err(SupervisorError::NotStarted(error)), _) => assert_eq!(error, "another program still runs"),
            (exit, lines) => {
                assert_eq!((exit.unwrap().code, texts(&lines)), (Some(0), vec!["second"]));
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_can_not_be_started_says_what_is_missing() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    let (result, _) = run(&mut supervisor, workspace.run("/no/such/terraform", &[])).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("/no/such/terraform: No such file"), "{error}");
    let mut nowhere = workspace.shell("true");
    nowhere.directory = "/no/such/workspace".into();
    let error = run(&mut supervisor, nowhere).await.0.unwrap_err().to_string();
    assert!(error.contains("no such directory: /no/such/workspace"), "{error}");
}
