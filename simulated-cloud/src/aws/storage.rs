//! Buckets and what is set on them. Each setting has the bucket's name for an id.

use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

const BUCKET_SETTING: ResourceFacts = ResourceFacts {
    computed: &[("id", "{bucket}")],
    ..PLAIN
};

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "aws_s3_bucket",
        computed: &[
            ("bucket", "{bucket_prefix}{stamp}"),
            ("bucket", "terraform-{stamp}"),
            ("id", "{bucket}"),
            ("arn", "arn:{partition}:s3:::{bucket}"),
            ("bucket_domain_name", "{bucket}.s3.simulated.example"),
            (
                "bucket_regional_domain_name",
                "{bucket}.s3.{region}.simulated.example",
            ),
            ("hosted_zone_id", "ZSIMULATED{zone}"),
            ("region", "{region}"),
            ("request_payer", "BucketOwner"),
            ("website_domain", ""),
            ("website_endpoint", ""),
        ],
        unique: Some(UniqueName {
            name: "{bucket}",
            error: "creating S3 Bucket ({bucket}): operation error S3: CreateBucket, BucketAlreadyExists: The requested \
                    bucket name is not available. The bucket namespace is shared by all users of the system.",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_s3_bucket_ownership_controls",
        ..BUCKET_SETTING
    },
    ResourceFacts {
        type_name: "aws_s3_bucket_policy",
        ..BUCKET_SETTING
    },
    ResourceFacts {
        type_name: "aws_s3_bucket_public_access_block",
        ..BUCKET_SETTING
    },
    ResourceFacts {
        type_name: "aws_s3_bucket_server_side_encryption_configuration",
        ..BUCKET_SETTING
    },
    ResourceFacts {
        type_name: "aws_s3_bucket_versioning",
        ..BUCKET_SETTING
    },
    ResourceFacts {
        type_name: "aws_s3_bucket_lifecycle_configuration",
        computed: &[
            ("id", "{bucket}"),
            ("expected_bucket_owner", ""),
            (
                "transition_default_minimum_object_size",
                "all_storage_classes_128K",
            ),
        ],
        ..PLAIN
    },
];
