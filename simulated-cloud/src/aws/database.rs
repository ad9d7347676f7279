//! Managed databases.

use crate::facts::{Recomputed, ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "aws_db_instance",
        computed: &[
            ("identifier", "{identifier_prefix}{stamp}"),
            ("identifier", "terraform-{stamp}"),
            ("id", "db-{base32}"),
            ("resource_id", "{id}"),
            ("arn", "arn:{partition}:rds:{region}:{account}:db:{identifier}"),
            (
                "address",
                "{identifier}.{#identifier}.{region}.rds.simulated.example",
            ),
            ("port", "5432"),
            ("endpoint", "{address}:{port}"),
            ("allocated_storage", "20"),
            ("availability_zone", "{region}a"),
            ("backup_retention_period", "0"),
            ("backup_target", "region"),
            ("backup_window", "02:00-02:30"),
            ("ca_cert_identifier", "rds-ca-rsa2048-g1"),
            ("database_insights_mode", "standard"),
            ("engine", "postgres"),
            ("engine_lifecycle_support", "open-source-rds-extended-support"),
            ("engine_version", "16"),
            ("engine_version_actual", "{engine_version}"),
            ("hosted_zone_id", "ZSIMULATED{zone}"),
            ("kms_key_id", ""),
            ("latest_restorable_time", ""),
            ("license_model", "postgresql-license"),
            ("maintenance_window", "sun:03:00-sun:03:30"),
            ("master_user_secret_kms_key_id", ""),
            ("monitoring_role_arn", ""),
            ("multi_az", "false"),
            ("network_type", "IPV4"),
            ("option_group_name", "default:{engine}-{engine_version}"),
            ("parameter_group_name", "default.{engine}{engine_version}"),
            ("performance_insights_kms_key_id", ""),
            ("status", "available"),
            ("storage_type", "gp2"),
        ],
        import: &["{identifier}"],
        unique: Some(UniqueName {
            name: "{account}/{region}/{identifier}",
            error: "creating RDS DB Instance ({identifier}): operation error RDS: CreateDBInstance, \
                    DBInstanceAlreadyExists: DB instance already exists",
        }),
        slow: true,
        recomputed: &[
            ("engine_version_actual", Recomputed::With("engine_version")),
            ("arn", Recomputed::With("identifier")),
            ("address", Recomputed::With("identifier")),
            ("endpoint", Recomputed::With("identifier")),
            ("endpoint", Recomputed::With("port")),
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_db_subnet_group",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("id", "{name}"),
            ("arn", "arn:{partition}:rds:{region}:{account}:subgrp:{name}"),
            ("supported_network_types", "IPV4"),
            ("vpc_id", "vpc-{#id}"),
        ],
        key: "{region}/{name}",
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating RDS DB Subnet Group ({name}): operation error RDS: CreateDBSubnetGroup, \
                    DBSubnetGroupAlreadyExists: The DB subnet group '{name}' already exists.",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_db_parameter_group",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("id", "{name}"),
            ("arn", "arn:{partition}:rds:{region}:{account}:pg:{name}"),
        ],
        key: "{region}/{name}",
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating RDS DB Parameter Group ({name}): operation error RDS: CreateDBParameterGroup, \
                    DBParameterGroupAlreadyExists: Parameter group {name} already exists",
        }),
        ..PLAIN
    },
];
