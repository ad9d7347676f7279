//! Processes that die in the middle of an apply.

use domain::deployment::DeploymentStatus;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use worker::terraform::processes::{Process, living};

use super::{Stage, invariants::processes_in};

/// The supervisors that this process started.
fn supervisors() -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap();
    living()
        .unwrap()
        .into_iter()
        .filter(|process| process.parent == own)
        .collect()
}

fn kill(process: &Process) {
    kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_outlives_its_supervisor_its_terraform_and_its_provider() {
    let stage = Stage::new().await;
    stage.set_faults(&json!([
        {"type": "aws_vpc", "operation": "create", "delay_ms": 60_000, "times": 1},
        {"type": "aws_lb", "operation": "create", "delay_ms": 60_000, "times": 1},
        {"type": "aws_lb_listener", "operation": "create", "exit": true, "times": 1},
    ]));
    let worker = stage.start_worker();
    let (site, create) = stage.create_site("shop-1", false).await;
    let next_attempt = async |attempt: i32| {
        stage
            .wait_until(create, |deployment| deployment.attempt > attempt)
            .await;
        let old: Vec<_> = stage
            .events(create)
            .await
            .into_iter()
            .filter(|event| event.kind == "status" && event.message.contains("ended:"))
            .map(|event| event.message)
            .collect();
        assert_eq!(old.len(), attempt as usize, "{old:?}");
    };

    stage.wait_for_call(create, 1, "create", "aws_vpc").await;
    let [supervisor] = &supervisors()[..] else {
        panic!("one supervisor runs: {:?}", supervisors())
    };
    kill(supervisor);
    next_attempt(1).await;

    stage.wait_for_call(create, 2, "create", "aws_lb").await;
    let [supervisor] = &supervisors()[..] else {
        panic!("one supervisor runs: {:?}", supervisors())
    };
    let terraform = living()
        .unwrap()
        .into_iter()
        .find(|process| process.parent == supervisor.pid);
    kill(&terraform.unwrap());
    next_attempt(2).await;

    next_attempt(3).await;
    let done = stage.wait_for(create, DeploymentStatus::Succeeded).await;
    assert_eq!(done.attempt, 4);
    worker.stop().await;
    assert_eq!(supervisors(), []);
    assert_eq!(processes_in(&stage.workspaces()), []);
    stage.assert_in_order(site).await;
    stage.assert_events_whole(create).await;
}
