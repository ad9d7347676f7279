//! Lines, journal, files, and the environment that a program sees.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use worker::terraform::{
    command::{Line, OutputStream},
    lines::LINE_LIMIT,
};

use super::supervisor::{Bare, Workspace, eventually, long_lease, run, start, texts};

#[tokio::test]
async fn lines_of_both_streams_come_whole_and_in_order() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    let script = "printf 'caf\\303\\251 \\377\\376 end\\n'; echo to stderr >&2; printf 'no line end'";
    let (exit, lines) = run(&mut supervisor, workspace.shell(script)).await;
    assert_eq!(exit.unwrap().code, Some(0));
    let of = |stream| {
        lines
            .iter()
            .filter(move |line: &&Line| line.stream == stream)
            .map(|l| l.text.as_str())
    };
    assert_eq!(
        of(OutputStream::Stdout).collect::<Vec<_>>(),
        ["caf\u{e9} \u{fffd}\u{fffd} end", "no line end"]
    );
    assert_eq!(of(OutputStream::Stderr).collect::<Vec<_>>(), ["to stderr"]);
}

#[tokio::test]
async fn a_line_that_is_too_long_is_cut_with_a_mark_and_the_next_one_is_whole() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    // Zero bytes grow sixfold as JSON: the worst case for a message.
    let script = format!("head -c {} /dev/zero; echo; echo next", LINE_LIMIT + 10);
    let (exit, lines) = run(&mut supervisor, workspace.shell(&script)).await;
    assert_eq!(exit.unwrap().code, Some(0));
    let lines = texts(&lines);
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0].trim_start_matches('\0'),
        " [10 more bytes of this line were left out]"
    );
    assert_eq!(lines[1], "next");
}

#[tokio::test]
async fn the_journal_holds_every_line_even_if_nobody_reads_any() {
    let workspace = Workspace::new();
    let mut bare = Bare::start(long_lease());
    bare.stdout = None;
    let mut numbers = workspace.shell("seq 1 20000; touch done");
    numbers.journal = Some("apply.ndjson".into());
    bare.run(&numbers);
    eventually("it has ended", || {
        workspace.has("done") && workspace.living().is_empty()
    })
    .await;
    let expected: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    eventually("the journal is whole", || {
        workspace.read("apply.ndjson").as_ref() == Some(&expected)
    })
    .await;
    let mode = fs::metadata(workspace.path().join("apply.ndjson"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_worker_that_does_not_read_does_not_hold_up_the_program() {
    let workspace = Workspace::new();
    let mut bare = Bare::start(long_lease());
    // Far more than the pipes hold.
    bare.run(&workspace.shell("seq 1 300000; touch done"));
    eventually("it has ended", || workspace.has("done")).await;
    let mut told = std::io::BufReader::new(bare.stdout.take().unwrap());
    let mut lines = 0;
    let exited = tokio::task::spawn_blocking(move || {
        use std::io::BufRead;
        loop {
            let mut line = String::new();
            assert_ne!(
                told.read_line(&mut line).unwrap(),
                0,
                "the end is told before the pipe ends"
            );
            let message: serde_json::Value = serde_json::from_str(&line).unwrap();
            if message["line"].is_object() {
                lines += 1;
                assert_eq!(message["line"]["text"], lines.to_string());
            } else if message["exited"].is_object() {
                return (lines, message);
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(exited.0, 300_000);
    let expected = serde_json::json!({
        "id": 1, "code": 0, "signal": null, "reason": "exited", "journal_error": null
    });
    assert_eq!(exited.1["exited"], expected);
}

#[tokio::test]
async fn the_journal_is_appended_to_and_stdout_can_go_to_a_private_file() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    for word in ["one", "two"] {
        let mut journaled = workspace.shell(&format!("echo {word}; echo not this >&2"));
        journaled.journal = Some("journal".into());
        let exit = run(&mut supervisor, journaled).await.0.unwrap();
        assert_eq!((exit.code, exit.journal_error), (Some(0), None));
    }
    assert_eq!(workspace.read("journal").unwrap(), "one\ntwo\n");

    let mut to_file = workspace.shell("echo '{}'; echo warning >&2");
    to_file.stdout_to = Some("plan.json".into());
    fs::write(workspace.path().join("plan.json"), "what was there before").unwrap();
    let (exit, lines) = run(&mut supervisor, to_file).await;
    assert_eq!(exit.unwrap().code, Some(0));
    assert_eq!(texts(&lines), ["warning"]);
    assert_eq!(workspace.read("plan.json").unwrap(), "{}\n");
}

#[tokio::test]
async fn a_journal_that_can_not_be_written_is_told_and_stops_nothing() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    std::os::unix::fs::symlink("/dev/full", workspace.path().join("journal")).unwrap();
    let mut journaled = workspace.shell("echo one; echo two");
    journaled.journal = Some("journal".into());
    let (exit, lines) = run(&mut supervisor, journaled).await;
    let exit = exit.unwrap();
    assert_eq!((exit.code, texts(&lines)), (Some(0), vec!["one", "two"]));
    assert!(
        exit.journal_error.unwrap().contains("No space left"),
        "a full disk"
    );
}

#[tokio::test]
async fn nothing_of_the_parents_environment_reaches_the_program() {
    // A worker whose own environment is full of junk: this test again, in a process of its own.
    if std::env::var_os("TF_CLI_ARGS").is_some() {
        let workspace = Workspace::new();
        let mut supervisor = start(long_lease());
        let own = fs::read(format!("/proc/{}/environ", supervisor.pid())).unwrap();
        assert_eq!(own, b"", "the supervisor's environment is empty");
        let (exit, lines) = run(&mut supervisor, workspace.run("/usr/bin/env", &[])).await;
        assert_eq!(exit.unwrap().code, Some(0));
        let mut names: Vec<&str> = texts(&lines)
            .into_iter()
            .map(|line| line.split('=').next().unwrap())
            .collect();
        names.sort_unstable();
        let expected: Vec<String> = workspace
            .environment()
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        assert_eq!(names, expected);
        return;
    }
    let name = "terraform::output::nothing_of_the_parents_environment_reaches_the_program";
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env("TF_CLI_ARGS", "-destroy")
        .env("TF_PLUGIN_CACHE_DIR", "/tmp")
        .env("TF_VAR_junk", "junk")
        .env("AWS_SECRET_ACCESS_KEY", "operator-secret")
        .env("AWS_PROFILE", "production")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test]
async fn secrets_are_in_no_argument_list() {
    let workspace = Workspace::new();
    let mut supervisor = start(long_lease());
    let mut secret = workspace.shell("echo $TF_VAR_password; cat /proc/$PPID/cmdline; cat /proc/$$/cmdline");
    secret.environment = workspace
        .environment()
        .with_terraform_variables([("password".into(), "hunter2-hunter2".into())])
        .unwrap();
    let (exit, lines) = run(&mut supervisor, secret).await;
    assert_eq!(exit.unwrap().code, Some(0));
    let lines = texts(&lines);
    assert_eq!(lines[0], "hunter2-hunter2", "it has the secret");
    assert!(
        lines[1].contains("supervise") && !lines[1..].concat().contains("hunter2"),
        "{lines:?}"
    );
}
