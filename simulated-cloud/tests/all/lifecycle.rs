//! Create, read, update, replace, import, delete: as with the real provider.

use crate::world::World;

const NETWORK: &str = r#"
resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
  tags       = { Name = "net", site_id = "s1" }
}
resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.1.0/24"
}
resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
}
resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}
resource "aws_route" "out" {
  route_table_id         = aws_route_table.this.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}
resource "aws_route_table_association" "this" {
  subnet_id      = aws_subnet.this.id
  route_table_id = aws_route_table.this.id
}
"#;

const DATABASE: &str = r#"
resource "aws_db_instance" "this" {
  identifier        = "web"
  engine            = "postgres"
  instance_class    = "db.t4g.small"
  allocated_storage = 20
  username          = "app"
  password          = "correct-horse-battery"
}
resource "aws_launch_template" "this" {
  name          = "web"
  instance_type = "t3.small"
  user_data     = base64encode("export KEY=correct-horse-battery")
}
"#;

#[test]
fn a_resource_is_made_kept_updated_replaced_and_destroyed() {
    let world = World::new();
    let vpc = |cidr: &str, name: &str| {
        format!(
            "resource \"aws_vpc\" \"this\" {{\n cidr_block = \"{cidr}\"\n tags = {{ Name = \"{name}\" }}\n}}\n"
        )
    };
    let workspace = world.workspace("w", &vpc("10.0.0.0/16", "one"));
    workspace.apply();
    workspace.is_settled();
    let (_, made) = world.only_resource("aws_vpc");
    assert_eq!(made["status"], "active");
    assert_eq!(made["created_by"], "w");
    assert_eq!(made["tags"]["Name"], "one");

    workspace.write(&vpc("10.0.0.0/16", "two"));
    assert_eq!(
        workspace.planned_actions(),
        [("aws_vpc.this".into(), vec!["update".into()])]
    );
    workspace.apply();
    workspace.is_settled();
    let (_, updated) = world.only_resource("aws_vpc");
    assert_eq!(
        (&updated["id"], &updated["tags"]["Name"]),
        (&made["id"], &"two".into())
    );

    workspace.write(&vpc("10.9.0.0/16", "two"));
    assert_eq!(
        workspace.planned_actions(),
        [("aws_vpc.this".into(), vec!["delete".into(), "create".into()])]
    );
    workspace.apply();
    workspace.is_settled();
    assert_ne!(world.only_resource("aws_vpc").1["id"], made["id"]);

    workspace.succeed(&["destroy", "-auto-approve"]);
    assert!(world.resources("aws_vpc").is_empty());
}

#[test]
fn a_change_made_by_hand_shows_in_a_plan_and_a_deleted_file_is_made_anew() {
    let world = World::new();
    let workspace = world.workspace("w", NETWORK);
    workspace.apply();
    let (path, mut vpc) = world.only_resource("aws_vpc");
    vpc["attributes"]["tags"]["Name"] = "by hand".into();
    std::fs::write(&path, vpc.to_string()).unwrap();
    let actions = workspace.planned_actions();
    assert_eq!(actions, [("aws_vpc.this".into(), vec!["update".into()])]);

    std::fs::remove_file(world.only_resource("aws_route").0).unwrap();
    std::fs::write(&path, "{").unwrap();
    let error = workspace.fail(&["plan"]);
    assert!(
        error.contains("is no resource: EOF while parsing an object"),
        "{error}"
    );
    vpc["attributes"]["tags"]["Name"] = "net".into();
    std::fs::write(&path, vpc.to_string()).unwrap();
    assert_eq!(
        workspace.planned_actions(),
        [("aws_route.out".into(), vec!["create".into()])]
    );
}

#[test]
fn resources_are_imported_by_the_ids_of_the_real_provider_and_then_settled() {
    let world = World::new();
    let maker = world.workspace("maker", NETWORK);
    maker.apply();
    let id = |type_name: &str| {
        world.only_resource(type_name).1["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (vpc, subnet, table) = (id("aws_vpc"), id("aws_subnet"), id("aws_route_table"));

    let taker = world.workspace("taker", NETWORK);
    for (address, import_id) in [
        ("aws_vpc.this", vpc.clone()),
        ("aws_subnet.this", subnet.clone()),
        ("aws_route_table.this", table.clone()),
        ("aws_internet_gateway.this", id("aws_internet_gateway")),
        ("aws_route.out", format!("{table}_0.0.0.0/0")),
        ("aws_route_table_association.this", format!("{subnet}/{table}")),
    ] {
        taker.succeed(&["import", address, &import_id]);
    }
    taker.is_settled();
    assert_eq!(taker.instance("aws_vpc").unwrap()["attributes"]["id"], vpc);
}

#[test]
fn importing_what_does_not_exist_fails_in_terraforms_own_words() {
    let world = World::new();
    let workspace = world.workspace("w", NETWORK);
    let error = workspace.fail(&["import", "aws_vpc.this", "vpc-0123456789abcdef0"]);
    assert!(
        error.contains("Cannot import non-existent remote object"),
        "{error}"
    );
    assert!(workspace.instance("aws_vpc").is_none());
}

#[test]
fn no_secret_lies_in_the_store_and_a_changed_one_shows_in_a_plan() {
    let world = World::new();
    let workspace = world.workspace("w", DATABASE);
    workspace.apply();
    workspace.is_settled();
    let everything = world.everything();
    assert!(!everything.contains("correct-horse-battery"));
    assert!(!everything.contains("ZXhwb3J0IEtFWT1"), "the user data is there");
    let (path, mut database) = world.only_resource("aws_db_instance");
    assert!(
        database["attributes"]["password"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );

    database["attributes"]["password"] = format!("sha256:{}", "0".repeat(64)).into();
    std::fs::write(&path, database.to_string()).unwrap();
    assert_eq!(
        workspace.planned_actions(),
        [("aws_db_instance.this".into(), vec!["update".into()])]
    );
    workspace.apply();
    workspace.is_settled();
}

#[test]
fn a_database_is_imported_by_its_identifier() {
    let world = World::new();
    world.workspace("maker", DATABASE).apply();
    let taker = world.workspace("taker", DATABASE);
    taker.succeed(&["import", "aws_db_instance.this", "web"]);
    let attributes = taker.instance("aws_db_instance").unwrap()["attributes"].clone();
    let id = attributes["id"].as_str().unwrap();
    assert!(id.starts_with("db-") && id == attributes["resource_id"], "{id}");
    assert!(attributes["password"].is_null());
}

#[test]
fn a_new_launch_template_version_is_known_to_those_who_use_it() {
    let world = World::new();
    let configuration = |instance: &str| {
        format!(
            r#"
resource "aws_launch_template" "web" {{
  name                   = "web"
  instance_type          = "{instance}"
  update_default_version = true
}}
output "version" {{ value = aws_launch_template.web.default_version }}
"#
        )
    };
    let workspace = world.workspace("w", &configuration("t3.small"));
    workspace.apply();
    workspace.write(&configuration("t3.medium"));
    workspace.apply();
    workspace.is_settled();
    assert_eq!(workspace.succeed(&["output", "-raw", "version"]).trim(), "2");
}

#[test]
fn data_sources_answer_the_same_each_time_and_a_policy_is_rendered() {
    let world = World::new();
    let workspace = world.workspace(
        "w",
        r#"
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}
data "aws_availability_zones" "all" {}
data "aws_ami" "ubuntu" {
  owners      = ["099720109477"]
  most_recent = true
}
data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}
resource "aws_iam_role" "web" {
  name               = "web"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}
output "all" {
  value = {
    region  = data.aws_region.current.name
    account = data.aws_caller_identity.current.account_id
    zones   = data.aws_availability_zones.all.names
    image   = data.aws_ami.ubuntu.id
    action  = jsondecode(aws_iam_role.web.assume_role_policy).Statement[0].Action
  }
}
"#,
    );
    workspace.apply();
    workspace.is_settled();
    let all: serde_json::Value =
        serde_json::from_str(&workspace.succeed(&["output", "-json", "all"])).unwrap();
    assert_eq!(all["region"], "eu-central-1");
    assert_eq!(all["account"], "123456789012");
    assert_eq!(
        all["zones"],
        serde_json::json!(["eu-central-1a", "eu-central-1b", "eu-central-1c"])
    );
    assert_eq!(all["action"], "sts:AssumeRole");
    assert_eq!(all["image"].as_str().unwrap().len(), "ami-".len() + 17);
}

#[test]
fn without_a_cloud_a_configuration_can_be_validated_but_not_planned() {
    let world = World::new();
    let workspace = world.workspace("w", NETWORK);
    assert!(workspace.run_without_cloud(&["validate"]).status.success());
    let planned = workspace.run_without_cloud(&["plan"]);
    assert!(!planned.status.success());
    let text = crate::world::text_of(&planned);
    assert!(text.contains("SIMULATED_CLOUD_DIR is not set"), "{text}");
}

#[test]
fn without_a_cloud_terraform_test_runs_with_a_mocked_provider() {
    let world = World::new();
    let workspace = world.workspace("w", NETWORK);
    let test = "mock_provider \"aws\" {}\nrun \"plan\" {\n  command = plan\n  assert {\n    condition     = \
                aws_vpc.this.cidr_block == \"10.0.0.0/16\"\n    error_message = \"cidr\"\n  }\n}\n";
    std::fs::write(workspace.directory.join("w.tftest.hcl"), test).unwrap();
    let output = workspace.run_without_cloud(&["test"]);
    let text = crate::world::text_of(&output);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
