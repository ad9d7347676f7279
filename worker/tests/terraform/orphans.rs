//! What a program leaves behind.

use std::{fs, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use worker::terraform::{
    command::ExitReason,
    processes::{Process, kill_processes_in},
};

use super::supervisor::{
    Workspace, eventually, long_lease, run, spawn_run, start, terraform, terraform_module,
};

#[tokio::test]
async fn children_that_outlive_a_program_are_ended_with_it_and_do_not_hold_up_its_exit() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    // One stays in the group and holds the pipe, one has a session of its own, one is a grandchild of that.
    let script = "sleep 300 & setsid sh -c 'sleep 300 & echo $! > deep.pid; sleep 300' & \
        while [ ! -s deep.pid ]; do sleep 0.01; done; echo last; exit 7";
    let (exit, lines) = run(&mut supervisor, workspace.shell(script)).await;
    let exit = exit.unwrap();
    assert_eq!((exit.code, exit.reason), (Some(7), ExitReason::Exited));
    assert_eq!(lines[0].text, "last");
    assert_eq!(workspace.living(), []);
}

#[tokio::test]
async fn a_killed_terraform_leaves_no_provisioner_running() {
    let workspace = Workspace::new();
    terraform_module(&workspace, "echo $$ > slow.pid; sleep 300");
    let terraform = terraform().await;
    let mut supervisor = start(long_lease());
    run(&mut supervisor, workspace.run(&terraform, &["init"]))
        .await
        .0
        .unwrap();
    let own_pid = supervisor.pid();
    let applying = spawn_run(supervisor, workspace.run(&terraform, &["apply", "-auto-approve"]));
    eventually("the provisioner runs", || workspace.pid("slow.pid").is_some()).await;
    let leader = workspace
        .living()
        .into_iter()
        .find(|process| process.parent == own_pid)
        .unwrap();
    kill_process(Pid::from_raw(leader.pid).unwrap(), Signal::KILL).unwrap();
    let exit = applying.await.unwrap().0.unwrap();
    assert_eq!(
        (exit.code, exit.signal, exit.reason),
        (None, Some(9), ExitReason::Exited)
    );
    assert_eq!(workspace.living(), []);
}

#[tokio::test]
async fn orphans_are_reaped_while_the_program_runs() {
    let workspace = Workspace::new();
    let supervisor = start(long_lease());
    // The middle one ends at once, so that the supervisor inherits the inner one.
    let script = "sh -c 'sh -c \"echo \\$\\$ > orphan.pid; while [ ! -e go ]; do sleep 0.01; done\" &'; \
        while [ ! -e end ]; do sleep 0.01; done";
    let own_pid = supervisor.pid();
    let running = spawn_run(supervisor, workspace.shell(script));
    eventually("the orphan has come to the supervisor", || {
        let orphan = workspace.pid("orphan.pid").and_then(Process::find);
        orphan.is_some_and(|orphan| orphan.parent == own_pid)
    })
    .await;
    let orphan = workspace.pid("orphan.pid").unwrap();
    fs::write(workspace.path().join("go"), "").unwrap();
    // Not even a zombie is left of it.
    eventually("the orphan is reaped", || {
        !fs::exists(format!("/proc/{orphan}")).unwrap()
    })
    .await;
    assert!(!running.is_finished());
    fs::write(workspace.path().join("end"), "").unwrap();
    assert_eq!(running.await.unwrap().0.unwrap().code, Some(0));
}

#[tokio::test]
async fn what_a_crash_left_in_a_workspace_is_killed_and_nothing_beside_it() {
    let (left, other) = (Workspace::new(), Workspace::new());
    fs::create_dir(left.path().join("below")).unwrap();
    let mut children: Vec<_> = [
        left.path().to_path_buf(),
        left.path().join("below"),
        other.path().to_path_buf(),
    ]
    .into_iter()
    .map(|directory| {
        // Reads a pipe that says nothing: it runs until it is killed.
        std::process::Command::new("cat")
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    })
    .collect();
    let pids: Vec<i32> = children
        .iter()
        .map(|child| i32::try_from(child.id()).unwrap())
        .collect();
    let mut killed = kill_processes_in(left.path()).await.unwrap();
    killed.sort_unstable();
    let mut expected = pids[..2].to_vec();
    expected.sort_unstable();
    assert_eq!(killed, expected);
    assert!(Process::find(pids[2]).is_some(), "the neighbour's lives");
    assert_eq!(kill_processes_in(left.path()).await.unwrap(), Vec::<i32>::new());
    drop(children[2].stdin.take());
    for child in &mut children {
        child.wait().unwrap();
    }
}
