//! Lines that Terraform 1.11.4 printed, of every type that was seen.

use worker::terraform::stream::{Action, Change, Diagnostics, Severity, UiEvent, UiLine};

const SAMPLES: &str = include_str!("ui-samples.ndjson");

fn samples() -> Vec<UiLine> {
    SAMPLES.lines().map(UiLine::parse).collect()
}

fn changes(kind: fn(&UiEvent) -> Option<&Change>) -> Vec<(String, Action)> {
    let samples = samples();
    let changes = samples.iter().filter_map(|line| kind(&line.event));
    changes
        .map(|change| (change.resource.address.clone(), change.action.clone()))
        .collect()
}

#[test]
fn every_line_is_known_and_keeps_its_time_and_sentence() {
    let samples = samples();
    assert_eq!(samples.len(), 70);
    for (line, source) in samples.iter().zip(SAMPLES.lines()) {
        let known = !matches!(line.event, UiEvent::Unknown { .. } | UiEvent::NotJson(_));
        assert!(known, "{source}");
        assert!(line.at.is_some() && !line.message.is_empty(), "{source}");
    }
}

#[test]
fn planned_changes_have_action_reason_import_and_move() {
    let planned = changes(|event| match event {
        UiEvent::PlannedChange(change) => Some(change),
        _ => None,
    });
    let expected = [
        ("terraform_data.failprov", Action::Create),
        ("aws_launch_template.web", Action::Update),
        ("aws_db_instance.db", Action::Delete),
        ("terraform_data.s5", Action::Remove),
        ("terraform_data.s1", Action::Replace),
        ("terraform_data.imp", Action::Import),
        ("terraform_data.s2", Action::Replace),
        ("terraform_data.s44", Action::Move),
    ];
    assert_eq!(
        planned,
        expected.map(|(address, action)| (address.to_owned(), action))
    );
    let find = |address: &str| {
        samples().into_iter().find_map(|line| match line.event {
            UiEvent::PlannedChange(change) if change.resource.address == address => Some(change),
            _ => None,
        })
    };
    assert_eq!(
        find("terraform_data.s2").unwrap().reason.as_deref(),
        Some("tainted")
    );
    assert_eq!(
        find("terraform_data.imp").unwrap().importing_id.as_deref(),
        Some("abc")
    );
    assert_eq!(
        find("terraform_data.s44").unwrap().previous_address.as_deref(),
        Some("terraform_data.s4")
    );
    let drift = changes(|event| match event {
        UiEvent::ResourceDrift(change) => Some(change),
        _ => None,
    });
    let expected = [
        ("aws_lb.web", Action::Update),
        ("aws_lb_listener.http", Action::Delete),
    ];
    assert_eq!(
        drift,
        expected.map(|(address, action)| (address.to_owned(), action))
    );
}

#[test]
fn what_was_made_has_its_id_and_reads_are_told_from_changes() {
    let complete: Vec<_> = samples()
        .into_iter()
        .filter_map(|line| match line.event {
            UiEvent::ApplyComplete(operation) => Some(operation),
            _ => None,
        })
        .collect();
    assert_eq!(
        complete
            .iter()
            .filter(|operation| operation.action == Action::Read)
            .count(),
        1
    );
    let made = complete
        .iter()
        .find(|operation| operation.action == Action::Create)
        .unwrap();
    assert_eq!(made.resource.address, "aws_eip.nat");
    assert_eq!(made.resource.resource_type, "aws_eip");
    assert_eq!(
        made.id,
        Some(("id".to_owned(), "eipalloc-c5111b958f98d9d59".to_owned()))
    );
    assert_eq!(made.elapsed_seconds, Some(0));
    let destroyed = complete
        .iter()
        .find(|operation| operation.action == Action::Delete)
        .unwrap();
    assert_eq!(destroyed.id, None);
}

#[test]
fn sensitive_outputs_have_no_value_whatever_the_line_says() {
    let outputs = samples().into_iter().find_map(|line| match line.event {
        UiEvent::Outputs(outputs) if outputs.len() == 6 => Some(outputs),
        _ => None,
    });
    let outputs = outputs.unwrap();
    assert_eq!(outputs["bucket"].value, Some("acme-1-assets-123456789012".into()));
    assert!(outputs["db_password"].sensitive && outputs["db_password"].value.is_none());
    let line = r#"{"type":"outputs","outputs":{"a":{"sensitive":true,"value":"x"},"b":{"value":"y"}}}"#;
    let UiEvent::Outputs(outputs) = UiLine::parse(line).event else {
        panic!()
    };
    assert!(
        outputs
            .values()
            .all(|output| output.sensitive && output.value.is_none()),
        "{outputs:?}"
    );
}

#[test]
fn a_failed_resource_has_terraforms_own_text_and_other_errors_are_kept() {
    let mut diagnostics = Diagnostics::default();
    samples().iter().for_each(|line| diagnostics.observe(line));
    let failures = diagnostics.join();
    let provisioner = &failures[0];
    assert_eq!(provisioner.operation.as_ref().unwrap().action, Action::Create);
    assert_eq!(
        provisioner.to_string(),
        "terraform_data.failprov: local-exec provisioner error\nError running command 'echo boom >&2; exit 3': \
         exit status 3. Output: boom"
    );
    let range = provisioner.errors[0].range.as_ref().unwrap();
    assert_eq!(
        (range.file.as_str(), range.line, range.column),
        ("main.tf", 17, 30)
    );
    let snippet = provisioner.errors[0].snippet.as_ref().unwrap();
    assert_eq!(
        snippet.context.as_deref(),
        Some("resource \"terraform_data\" \"failprov\"")
    );
    // Every error once: joined or on its own.
    let errors = SAMPLES
        .lines()
        .filter(|line| line.contains(r#""severity":"error""#))
        .count();
    assert_eq!(
        failures.iter().map(|failure| failure.errors.len()).sum::<usize>(),
        errors
    );
    let lock = failures
        .iter()
        .find(|failure| failure.message == "Error: Error acquiring the state lock");
    assert!(
        lock.unwrap()
            .to_string()
            .starts_with("Error acquiring the state lock\nError message: operation")
    );
    assert_eq!(
        diagnostics
            .warnings()
            .filter(|warning| warning.severity == Severity::Warning)
            .count(),
        2
    );
}

#[test]
fn a_failure_that_terraform_did_not_explain_is_still_a_failure() {
    let line = SAMPLES
        .lines()
        .find(|line| line.contains(r#""type":"apply_errored""#))
        .unwrap();
    let mut diagnostics = Diagnostics::default();
    diagnostics.observe(&UiLine::parse(line));
    let failures = diagnostics.join();
    assert_eq!(failures.len(), 1);
    assert_eq!(
        failures[0].to_string(),
        "terraform_data.failprov: Creation errored after 0s"
    );
}

#[test]
fn what_is_not_known_is_kept_and_nothing_panics() {
    let UiEvent::Unknown { kind, line } = UiLine::parse(r#"{"type":"brand_new","x":1}"#).event else {
        panic!()
    };
    assert_eq!((kind.as_str(), &line["x"]), ("brand_new", &1.into()));
    let crippled = UiLine::parse(r#"{"type":"apply_complete","@message":"m","hook":{}}"#);
    assert!(matches!(crippled.event, UiEvent::Unknown { kind, .. } if kind == "apply_complete"));
    for text in ["", "panic: runtime error", "[1]", "3", "{\"type\":", "\u{0}"] {
        assert_eq!(UiLine::parse(text).event, UiEvent::NotJson(text.to_owned()));
    }
    // Each sample cut anywhere.
    for line in SAMPLES.lines() {
        for (end, _) in line.char_indices().step_by(7) {
            assert!(matches!(UiLine::parse(&line[..end]).event, UiEvent::NotJson(_)));
        }
    }
}
