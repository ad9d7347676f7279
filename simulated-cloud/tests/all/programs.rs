//! The program's own commands.

use std::{fs, process::Command};

use crate::world::{PROGRAM, World, text_of};

#[test]
fn a_mirror_written_twice_is_the_same_and_points_at_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let write = || {
        Command::new(PROGRAM)
            .arg("mirror")
            .arg(directory.path())
            .output()
            .unwrap()
    };
    let first = write();
    assert!(first.status.success(), "{}", text_of(&first));
    assert_eq!(first.stdout, write().stdout);
    let link = String::from_utf8(first.stdout).unwrap();
    let link = link
        .lines()
        .find(|line| line.contains("hashicorp/aws/5.100.0/"))
        .unwrap();
    assert!(link.ends_with("/terraform-provider-aws_v5.100.0_x5"), "{link}");
    assert_eq!(
        fs::canonicalize(link).unwrap(),
        fs::canonicalize(PROGRAM).unwrap()
    );
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "no drafts are left"
    );
}

#[test]
fn resources_are_listed_by_tag() {
    let world = World::new();
    let vpc = |name: &str| {
        format!(
            "resource \"aws_vpc\" \"{name}\" {{\n  cidr_block = \"10.0.0.0/16\"\n  tags       = {{ site_id = \"{name}\" }}\n}}\n"
        )
    };
    world
        .workspace("w", &format!("{}{}", vpc("one"), vpc("two")))
        .apply();
    let list = |arguments: &[&str]| {
        let output = Command::new(PROGRAM)
            .arg("list")
            .arg(world.store())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text_of(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect::<Vec<serde_json::Value>>()
    };
    assert_eq!(list(&[]).len(), 2);
    let found = list(&["--tag", "site_id=two"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["tags"]["site_id"], "two");
    assert!(list(&["--tag", "site_id=three"]).is_empty());
}

#[test]
fn recording_cuts_the_named_types_out_and_refuses_unknown_ones() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let schema = r#"{"version": 1, "block": {"description_kind": "plain", "attributes": {"id": {"type": "string", "computed": true}}}}"#;
    let schemas = format!(
        r#"{{"format_version": "1.0", "provider_schemas": {{"registry.terraform.io/hashicorp/aws": {{
            "provider": {schema}, "resource_schemas": {{"aws_vpc": {schema}, "aws_lb": {schema}}}, "data_source_schemas": {{}}}}}}}}"#
    );
    fs::write(path("schemas.json"), schemas).unwrap();
    fs::create_dir(path("modules")).unwrap();
    fs::write(path("modules/main.tf"), "resource \"aws_vpc\" \"this\" {\n}\n").unwrap();
    let record = |types: &str| {
        let mut command = Command::new(PROGRAM);
        command.arg("record").arg("--schemas").arg(path("schemas.json"));
        command
            .arg("--types")
            .arg(path(types))
            .arg("--out")
            .arg(path("out"))
            .output()
            .unwrap()
    };
    let output = record("modules");
    assert!(output.status.success(), "{}", text_of(&output));
    assert!(
        text_of(&output).contains("aws.json.gz: 1 resource types, 0 data sources"),
        "{}",
        text_of(&output)
    );
    let first = fs::read(path("out/aws.json.gz")).unwrap();
    record("modules");
    assert_eq!(first, fs::read(path("out/aws.json.gz")).unwrap());

    fs::write(path("list"), "aws_vpc\naws_spaceship\n").unwrap();
    let output = record("list");
    assert!(!output.status.success());
    assert!(
        text_of(&output).contains("has no resource_schemas aws_spaceship"),
        "{}",
        text_of(&output)
    );
}
