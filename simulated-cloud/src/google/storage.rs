//! Buckets, and who may use them.

use super::{POLICY, PROJECT};
use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "google_storage_bucket",
        computed: &[
            PROJECT,
            ("id", "{name}"),
            (
                "self_link",
                "https://storage.simulated.example/storage/v1/b/{name}",
            ),
            ("url", "gs://{name}"),
            POLICY,
            ("project_number", "{account}"),
            ("public_access_prevention", "inherited"),
            ("uniform_bucket_level_access", "false"),
            ("rpo", "DEFAULT"),
            ("time_created", "{now}"),
            ("updated", "{time_created}"),
        ],
        import: &["{project}/{name}"],
        unique: Some(UniqueName {
            name: "{name}",
            error: "googleapi: Error 409: The requested bucket name is not available. The bucket namespace \
                    is shared by all users of the system. Please select a different name and try again., \
                    conflict",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_storage_bucket_iam_member",
        computed: &[("id", "b/{bucket}/{role}/{member}"), ("etag", "{hex16}")],
        import: &["b/{bucket} {role} {member}", "{bucket} {role} {member}"],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "google_service_account",
        computed: &[
            PROJECT,
            ("email", "{account_id}@{project}.iam.simulated.example"),
            ("id", "projects/{project}/serviceAccounts/{email}"),
            ("name", "{id}"),
            ("member", "serviceAccount:{email}"),
            ("unique_id", "1{digits}{digits}"),
            POLICY,
        ],
        import: &["{project}/{email}", "{email}"],
        unique: Some(UniqueName {
            name: "{id}",
            error: "Error creating service account: googleapi: Error 409: Service account {account_id} \
                    already exists within project projects/{project}., alreadyExists",
        }),
        ..PLAIN
    },
];
