//! Roles, policies, parameters and secrets.

use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "aws_iam_role",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("id", "{name}"),
            ("arn", "arn:{partition}:iam::{account}:role/{name}"),
            ("create_date", "{now}"),
            ("unique_id", "AROA{base32}"),
        ],
        key: "{account}/{name}",
        unique: Some(UniqueName {
            name: "{account}/{name}",
            error: "creating IAM Role ({name}): operation error IAM: CreateRole, EntityAlreadyExists: Role with name \
                    {name} already exists.",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_iam_role_policy",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("id", "{role}:{name}"),
        ],
        key: "{account}/{id}",
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_iam_role_policy_attachment",
        computed: &[("id", "{role}-{stamp}")],
        import: &["{role}/{policy_arn}"],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_iam_instance_profile",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("id", "{name}"),
            ("arn", "arn:{partition}:iam::{account}:instance-profile/{name}"),
            ("create_date", "{now}"),
            ("unique_id", "AIPA{base32}"),
        ],
        key: "{account}/{name}",
        unique: Some(UniqueName {
            name: "{account}/{name}",
            error: "creating IAM Instance Profile ({name}): operation error IAM: CreateInstanceProfile, \
                    EntityAlreadyExists: Instance Profile {name} already exists.",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_iam_policy",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("arn", "arn:{partition}:iam::{account}:policy/{name}"),
            ("id", "{arn}"),
            ("policy_id", "ANPA{base32}"),
        ],
        unique: Some(UniqueName {
            name: "{account}/{name}",
            error: "creating IAM Policy ({name}): operation error IAM: CreatePolicy, EntityAlreadyExists: A policy \
                    called {name} already exists. Duplicate names are not allowed.",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_ssm_parameter",
        computed: &[
            ("id", "{name}"),
            ("arn", "arn:{partition}:ssm:{region}:{account}:parameter/{name}"),
            ("data_type", "text"),
            ("key_id", ""),
            ("tier", "Standard"),
            ("version", "{next:version}"),
        ],
        key: "{region}/{name}",
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating SSM Parameter ({name}): operation error SSM: PutParameter, ParameterAlreadyExists: The \
                    parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_secretsmanager_secret",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            (
                "arn",
                "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{hex16}",
            ),
            ("id", "{arn}"),
        ],
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating Secrets Manager Secret ({name}): operation error Secrets Manager: CreateSecret, \
                    ResourceExistsException: The operation failed because the secret {name} already exists.",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_secretsmanager_secret_version",
        computed: &[
            ("version_id", "terraform-{stamp}"),
            ("id", "{secret_id}|{version_id}"),
            ("arn", "{secret_id}"),
            ("version_stages", "AWSCURRENT"),
        ],
        ..PLAIN
    },
];
