//! What data sources answer. `aws_iam_policy_document` is rendered by [`crate::policy_document`].

use crate::facts::DataSourceFacts;

pub(super) const ROWS: &[DataSourceFacts] = &[
    DataSourceFacts {
        type_name: "aws_ami",
        computed: &[
            ("id", "ami-{hex}"),
            ("image_id", "{id}"),
            ("arn", "arn:{partition}:ec2:{region}::image/{id}"),
            ("architecture", "x86_64"),
            ("creation_date", "2026-01-01T00:00:00.000Z"),
            ("deprecation_time", "2028-01-01T00:00:00.000Z"),
            ("description", "Simulated image"),
            ("ena_support", "true"),
            ("hypervisor", "xen"),
            ("image_location", "simulated/{id}"),
            ("image_type", "machine"),
            ("name", "simulated-{hex16}"),
            ("owner_id", "099720109477"),
            ("platform_details", "Linux/UNIX"),
            ("public", "true"),
            ("root_device_name", "/dev/sda1"),
            ("root_device_type", "ebs"),
            ("root_snapshot_id", "snap-{hex}"),
            ("state", "available"),
            ("usage_operation", "RunInstances"),
            ("virtualization_type", "hvm"),
        ],
    },
    DataSourceFacts {
        type_name: "aws_availability_zones",
        computed: &[
            ("id", "{region}"),
            ("group_names", "{region}"),
            ("names", "{region}a,{region}b,{region}c"),
            ("zone_ids", "{zone}-az1,{zone}-az2,{zone}-az3"),
        ],
    },
    DataSourceFacts {
        type_name: "aws_caller_identity",
        computed: &[
            ("account_id", "{account}"),
            ("id", "{account}"),
            ("arn", "arn:{partition}:iam::{account}:user/simulated"),
            ("user_id", "AIDASIMULATED"),
        ],
    },
    DataSourceFacts {
        type_name: "aws_partition",
        computed: &[
            ("id", "{partition}"),
            ("partition", "{partition}"),
            ("dns_suffix", "amazonaws.com"),
            ("reverse_dns_prefix", "com.amazonaws"),
        ],
    },
    DataSourceFacts {
        type_name: "aws_region",
        computed: &[
            ("name", "{region}"),
            ("id", "{name}"),
            ("description", "Simulated {name}"),
            ("endpoint", "ec2.{name}.simulated.example"),
        ],
    },
];
