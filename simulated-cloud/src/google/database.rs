//! Managed databases.

use super::{POLICY, PROJECT};
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "google_sql_database_instance",
        computed: &[
            PROJECT,
            ("region", "{region}"),
            ("name", "terraform-{stamp}"),
            ("id", "{name}"),
            (
                "self_link",
                "https://sqladmin.simulated.example/sql/v1beta4/projects/{project}/instances/{name}",
            ),
            POLICY,
            ("connection_name", "{project}:{region}:{name}"),
            ("dns_name", "{#name}.{region}.sql.simulated.example"),
            (
                "instance_type",
                "READ_REPLICA_INSTANCE{with:master_instance_name}",
            ),
            ("instance_type", "CLOUD_SQL_INSTANCE"),
            ("master_instance_name", ""),
            ("private_ip_address", "10.20.128.{octet}"),
            ("first_ip_address", "{private_ip_address}"),
            ("public_ip_address", ""),
            ("maintenance_version", "{database_version}.R20260101.01_00"),
            (
                "service_account_email_address",
                "p{account}-{#name}@gcp-sa-cloud-sql.simulated.example",
            ),
            ("encryption_key_name", ""),
            ("psc_service_attachment_link", ""),
        ],
        key: "{project}/{name}",
        import: &["projects/{project}/instances/{name}", "{project}/{name}"],
        unique: Some(UniqueName {
            name: "{project}/{name}",
            error: "Error, failed to create instance {name}: googleapi: Error 409: The Cloud SQL instance \
                    already exists. When you delete an instance, you can't reuse the name of the deleted \
                    instance until one week from the deletion date., instanceAlreadyExists",
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_sql_database",
        computed: &[
            PROJECT,
            ("id", "projects/{project}/instances/{instance}/databases/{name}"),
            ("self_link", "https://sqladmin.simulated.example/sql/v1beta4/{id}"),
            POLICY,
            ("charset", "UTF8"),
            ("collation", "en_US.UTF8"),
        ],
        import: &[
            "instances/{instance}/databases/{name}",
            "{project}/{instance}/{name}",
            "{instance}/{name}",
            "{name}",
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating Database: googleapi: Error 400: Invalid request: failed to create \
                    database {name}. Detail: pq: database \"{name}\" already exists., invalid",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_sql_user",
        computed: &[
            PROJECT,
            ("host", ""),
            ("id", "{name}//{instance}"),
            POLICY,
            ("iam_email", ""),
        ],
        key: "{project}/{instance}/{name}",
        import: &["{project}/{instance}/{name}"],
        ..PLAIN
    },
];
