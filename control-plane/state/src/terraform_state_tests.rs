//! Reading states: one that the real Terraform wrote, and what can go wrong.

use serde_json::json;

use super::*;

const REAL: &[u8] = include_bytes!("fixtures/terraform-1.11.4.json");

fn real() -> TerraformState {
    TerraformState::parse(REAL).unwrap()
}

fn resource(address: &str) -> Resource {
    real()
        .resources
        .into_iter()
        .find(|resource| resource.address == address)
        .unwrap()
}

#[test]
fn addresses_are_exactly_those_that_terraform_prints() {
    let mut printed: Vec<_> = include_str!("fixtures/terraform-1.11.4.addresses.txt")
        .lines()
        .collect();
    let state = real();
    let mut read: Vec<_> = state
        .resources
        .iter()
        .map(|resource| resource.address.as_str())
        .collect();
    printed.sort_unstable();
    read.sort_unstable();
    assert_eq!(read, printed);
}

#[test]
fn lineage_serial_version_and_outputs_are_read() {
    let state = real();
    assert_eq!(state.lineage, "24d51b66-cfef-17ac-d32c-3cc10ac1aa63");
    assert_eq!((state.serial, state.terraform_version.as_str()), (34, "1.11.4"));
    let password = state.output("password").unwrap();
    assert_eq!(
        (&password.value, &password.value_type),
        (&json!("hunter2-fixture"), &json!("string"))
    );
    assert!(password.sensitive);
    assert!(!state.output("address").unwrap().sensitive);
    assert_eq!(state.output("address").unwrap().value["ports"], json!([80, 443]));
}

#[test]
fn a_resources_type_mode_provider_id_and_taint_are_read() {
    let db = resource("module.site[0].terraform_data.db[1]");
    assert_eq!(
        (db.resource_type.as_str(), db.name.as_str()),
        ("terraform_data", "db")
    );
    assert_eq!((db.mode, db.tainted), (ResourceMode::Managed, false));
    assert_eq!(db.provider, "terraform.io/builtin/terraform");
    assert_eq!(db.id.as_deref(), Some("98c00060-7145-8c81-ca34-1f5f82d6ddee"));
    let name = |name: &str| PathStep::Name(name.into());
    let token = AttributePath(vec![
        name("input"),
        name("nested"),
        PathStep::Index(0),
        name("token"),
    ]);
    assert_eq!(
        db.sensitive,
        [token, AttributePath(vec![name("input"), name("password")])]
    );

    assert!(resource("terraform_data.tainted").tainted);
    let data = resource("data.terraform_remote_state.none");
    assert_eq!((data.mode, data.id), (ResourceMode::Data, None));
    assert_eq!(real().managed().count(), real().resources.len() - 1);
}

#[test]
fn a_provider_in_a_module_with_an_alias_is_named_by_its_source() {
    let provider = "module.site.provider[\"registry.terraform.io/hashicorp/aws\"].west";
    assert_eq!(source_address(provider), "registry.terraform.io/hashicorp/aws");
}

#[test]
fn a_state_cut_off_anywhere_is_torn() {
    let end = REAL.trim_ascii_end().len();
    for length in (0..end).step_by(7).chain([0, end - 1]) {
        let error = TerraformState::parse(&REAL[..length]).unwrap_err();
        assert!(
            matches!(error, StateParseError::Torn(_)),
            "cut to {length} bytes: {error:?}"
        );
    }
    let older_tail = [REAL, b"}\n"].concat();
    let holes = [&REAL[..100], &[0; 50]].concat();
    for torn in [older_tail, holes] {
        assert_eq!(
            TerraformState::parse(&torn).unwrap_err().to_string(),
            "the state file is not whole"
        );
    }
}

#[test]
fn what_is_no_state_is_refused_without_quoting_it() {
    let whole = json!({"version": 4, "lineage": "l", "serial": 1, "terraform_version": "1.11.4"});
    let with = |field: &str, value: Value| {
        let mut file = whole.clone();
        file[field] = value;
        file
    };
    let not_a_state = |field| format!("this is not a Terraform state: {field} is missing or not as expected");
    for (file, message) in [
        (json!({}), not_a_state("version")),
        (json!([1]), not_a_state("version")),
        (
            with("version", json!(3)),
            "the state has format version 3; only 4 is understood".into(),
        ),
        (with("serial", json!("secret")), not_a_state("serial")),
        (with("lineage", json!(null)), not_a_state("lineage")),
        (
            with("resources", json!("secret")),
            not_a_state("resources or outputs"),
        ),
        (
            with("resources", json!([{"mode": "secret"}])),
            not_a_state("resources or outputs"),
        ),
    ] {
        let error = TerraformState::parse(file.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), message, "{file}");
        assert!(!format!("{error:?}").contains("secret"));
    }
    let empty = TerraformState::parse(whole.to_string().as_bytes()).unwrap();
    assert_eq!((empty.resources.len(), empty.outputs.len()), (0, 0));
}

#[test]
fn characters_that_no_configuration_can_hold_are_quoted_too() {
    for (key, expected) in [
        ("\r\u{0}", r#""\r\u0000""#),
        ("$$ {", r#""$$ {""#),
        ("%%{", r#""%%%{""#),
        ("${${", r#""$${$${""#),
    ] {
        assert_eq!(quoted(key), expected);
    }
}
