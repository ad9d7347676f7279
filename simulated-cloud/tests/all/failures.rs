//! What goes wrong on purpose: faults, conflicts, interrupts, kills, and many at once.

use rustix::process::Signal;

use crate::world::{World, signal, signal_group, text_of, wait_until};

const VPC: &str = "resource \"aws_vpc\" \"this\" {\n  cidr_block = \"10.0.0.0/16\"\n}\n";

const BALANCER: &str = "resource \"aws_lb\" \"this\" {\n  name = \"web\"\n}\n";

#[test]
fn a_fault_fails_its_operation_as_often_as_it_says_across_processes() {
    let world = World::new();
    let workspace = world.workspace("w", VPC);
    world.faults(r#"[{"type": "aws_vpc", "operation": "create", "error": "VpcLimitExceeded", "times": 2}]"#);
    for _ in 0..2 {
        let error = workspace.fail(&["apply", "-auto-approve"]);
        assert!(error.contains("VpcLimitExceeded"), "{error}");
        assert!(world.resources("aws_vpc").is_empty());
    }
    workspace.apply();
    assert_eq!(world.resources("aws_vpc").len(), 1);
}

#[test]
fn a_lost_answer_leaves_a_resource_that_the_state_does_not_know() {
    let world = World::new();
    let workspace = world.workspace("w", VPC);
    world.faults(
        r#"[{"type": "*", "operation": "create", "error": "connection reset", "after": true, "times": 1}]"#,
    );
    workspace.fail(&["apply", "-auto-approve"]);
    assert!(workspace.instance("aws_vpc").is_none());
    assert_eq!(world.only_resource("aws_vpc").1["status"], "active");

    workspace.apply();
    assert_eq!(world.resources("aws_vpc").len(), 2, "the orphan and the new one");
}

#[test]
fn a_crash_leaves_a_begun_operation_in_the_journal() {
    let world = World::new();
    let workspace = world.workspace("w", VPC);
    world.faults(r#"[{"type": "aws_vpc", "operation": "create", "exit": true, "after": true, "times": 1}]"#);
    workspace.fail(&["apply", "-auto-approve"]);
    let lines = world.journal();
    let phases: Vec<_> = lines
        .iter()
        .filter(|line| line["operation"] == "create")
        .map(|line| &line["phase"])
        .collect();
    assert_eq!(phases, ["begin"]);
    assert_eq!(world.resources("aws_vpc").len(), 1);
}

#[test]
fn a_delay_makes_an_operation_take_longer() {
    let world = World::new();
    let workspace = world.workspace("w", VPC);
    world.faults(r#"[{"type": "aws_vpc", "operation": "create", "delay_ms": 400}]"#);
    workspace.apply();
    let boot_ms = |phase: &str| {
        let line = world
            .journal()
            .into_iter()
            .find(|line| line["operation"] == "create" && line["phase"] == phase);
        line.unwrap()["boot_ms"].as_i64().unwrap()
    };
    assert!(boot_ms("end") - boot_ms("begin") >= 400);
}

#[test]
fn a_malformed_faults_file_is_a_diagnostic_that_names_the_field() {
    let world = World::new();
    let workspace = world.workspace("w", VPC);
    world.faults(r#"[{"type": "aws_vpc", "operation": "make", "error": "x"}]"#);
    let error = workspace.fail(&["apply", "-auto-approve"]);
    assert!(
        error.contains("malformed at [0].operation: unknown variant `make`"),
        "{error}"
    );
}

#[test]
fn a_taken_name_is_refused_in_the_clouds_words_until_it_is_free() {
    let world = World::new();
    let bucket = "resource \"aws_s3_bucket\" \"this\" {\n  bucket = \"taken\"\n}\n";
    let (first, second) = (
        world.workspace("first", bucket),
        world.workspace("second", bucket),
    );
    first.apply();
    let error = second.fail(&["apply", "-auto-approve"]);
    assert!(
        error.contains("BucketAlreadyExists: The requested bucket name is not available"),
        "{error}"
    );
    assert_eq!(world.only_resource("aws_s3_bucket").1["created_by"], "first");
    first.succeed(&["destroy", "-auto-approve"]);
    second.apply();
    assert_eq!(world.only_resource("aws_s3_bucket").1["created_by"], "second");
}

#[test]
fn an_interrupt_cuts_the_wait_for_a_slow_type_and_leaves_it_tainted_with_its_id() {
    let world = World::new();
    let workspace = world.workspace("w", BALANCER).with_latency(60_000);
    let terraform = workspace.start(&["apply", "-auto-approve"]);
    wait_until("a balancer that is being created", || {
        world.resources("aws_lb").len() == 1
    });
    assert_eq!(world.only_resource("aws_lb").1["status"], "creating");
    signal_group(&terraform, Signal::INT);
    let output = terraform.wait_with_output().unwrap();
    assert!(!output.status.success());
    let text = text_of(&output)
        .replace('│', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let id = world.only_resource("aws_lb").1["id"].as_str().unwrap().to_owned();
    assert!(
        text.contains(&format!("waiting for aws_lb ({id}) create: context canceled")),
        "{text}"
    );
    let instance = workspace.instance("aws_lb").unwrap();
    assert_eq!(
        (&instance["status"], &instance["attributes"]["id"]),
        (&"tainted".into(), &id.into())
    );
    assert_eq!(world.journal().last().unwrap()["outcome"], "interrupted");
}

#[test]
fn an_interrupt_lets_a_quick_type_finish_and_begins_nothing_new() {
    let world = World::new();
    let two = format!(
        "{VPC}resource \"aws_subnet\" \"this\" {{\n  vpc_id     = aws_vpc.this.id\n  cidr_block = \"10.0.1.0/24\"\n}}\n"
    );
    let workspace = world.workspace("w", &two).with_latency(700);
    let terraform = workspace.start(&["apply", "-auto-approve"]);
    wait_until("a network that is being created", || {
        world.resources("aws_vpc").len() == 1
    });
    signal_group(&terraform, Signal::INT);
    assert!(!terraform.wait_with_output().unwrap().status.success());
    assert_eq!(
        workspace.instance("aws_vpc").unwrap()["status"],
        serde_json::Value::Null,
        "not tainted"
    );
    assert_eq!(world.only_resource("aws_vpc").1["status"], "active");
    assert!(world.resources("aws_subnet").is_empty());
}

#[test]
fn a_killed_terraform_leaves_no_plugin_and_what_was_being_made_becomes_active() {
    let world = World::new();
    let workspace = world.workspace("w", VPC).with_latency(1_500);
    let terraform = workspace.start(&["apply", "-auto-approve"]);
    wait_until("a network that is being created", || {
        world.resources("aws_vpc").len() == 1
    });
    assert!(!workspace.plugins().is_empty());
    signal(&terraform, Signal::KILL);
    terraform.wait_with_output().unwrap();
    wait_until("the plugins' end", || workspace.plugins().is_empty());
    let (_, vpc) = world.only_resource("aws_vpc");
    assert_eq!(vpc["status"], "creating");

    let taker = world.workspace("taker", VPC);
    wait_until("the creation's end", || {
        let ready = chrono::DateTime::parse_from_rfc3339(vpc["ready_at"].as_str().unwrap()).unwrap();
        ready < chrono::Utc::now()
    });
    taker.succeed(&["import", "aws_vpc.this", vpc["id"].as_str().unwrap()]);
    assert_eq!(world.only_resource("aws_vpc").1["status"], "active");
}

#[test]
fn a_plugin_stays_under_60_megabytes() {
    let world = World::new();
    let subnets = "resource \"aws_subnet\" \"many\" {\n  count      = 40\n  vpc_id     = aws_vpc.this.id\n  cidr_block = \
                   cidrsubnet(\"10.0.0.0/16\", 8, count.index)\n}\n";
    let last =
        "resource \"aws_lb\" \"last\" {\n  name       = \"web\"\n  depends_on = [aws_subnet.many]\n}\n";
    let workspace = world.workspace("w", &format!("{VPC}{subnets}{last}"));
    world.faults(r#"[{"type": "aws_lb", "operation": "create", "hang": true}]"#);
    let terraform = workspace.start(&["apply", "-auto-approve"]);
    world.await_line("create", "begin", "aws_lb");
    let plugins = workspace.plugins();
    assert!(!plugins.is_empty());
    for pid in plugins {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kilobytes: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
        assert!(kilobytes < 60 * 1024, "{kilobytes} kB");
    }
    signal(&terraform, Signal::KILL);
    terraform.wait_with_output().unwrap();
}

#[test]
fn two_applies_at_once_into_one_cloud_both_succeed_and_the_journal_stays_whole() {
    let world = World::new();
    let network = |name: &str| {
        format!(
            "resource \"aws_vpc\" \"many\" {{\n  count      = 15\n  cidr_block = \"10.0.0.0/16\"\n  tags       = {{ Name = \"{name}\" }}\n}}\n"
        )
    };
    let workspaces = ["first", "second"].map(|name| world.workspace(name, &network(name)));
    let running = workspaces
        .each_ref()
        .map(|workspace| workspace.start(&["apply", "-auto-approve"]));
    for terraform in running {
        let output = terraform.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text_of(&output));
    }
    assert_eq!(world.resources("aws_vpc").len(), 30);
    for workspace in &workspaces {
        workspace.is_settled();
    }
    let journal = world.journal();
    for name in ["first", "second"] {
        for phase in ["begin", "end"] {
            let lines = journal.iter().filter(|line| {
                line["attempt"] == name && line["operation"] == "create" && line["phase"] == phase
            });
            assert_eq!(lines.count(), 15, "{name} {phase}");
        }
    }
    for line in &journal {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "at",
            "attempt",
            "boot_ms",
            "error",
            "id",
            "operation",
            "outcome",
            "phase",
            "pid",
            "type",
        ]
        .to_vec();
        expected.sort_unstable();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert!(line["phase"] == "begin" || line["outcome"] == "ok", "{line}");
    }
}

#[test]
fn of_two_who_want_one_name_at_once_exactly_one_gets_it() {
    let world = World::new();
    let workspaces = ["first", "second"].map(|name| world.workspace(name, BALANCER));
    let running = workspaces
        .each_ref()
        .map(|workspace| workspace.start(&["apply", "-auto-approve"]));
    let outputs = running.map(|terraform| terraform.wait_with_output().unwrap());
    assert_eq!(outputs.iter().filter(|output| output.status.success()).count(), 1);
    assert!(
        outputs
            .iter()
            .any(|output| text_of(output).contains("DuplicateLoadBalancerName"))
    );
    assert_eq!(world.resources("aws_lb").len(), 1);
}
