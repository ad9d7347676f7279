//! Which attribute's change makes a new resource. Schemas do not say it; the provider's documentation does ("Forces
//! new resource"). A type that is not here is always updated in place.

/// Types and their attributes.
pub(super) const REPLACES: &[(&str, &[&str])] = &[
    (
        "aws_autoscaling_attachment",
        &["autoscaling_group_name", "elb", "lb_target_group_arn"],
    ),
    ("aws_autoscaling_group", &["name", "name_prefix"]),
    ("aws_autoscaling_policy", &["autoscaling_group_name", "name"]),
    (
        "aws_cloudwatch_log_group",
        &["log_group_class", "name", "name_prefix"],
    ),
    ("aws_cloudwatch_metric_alarm", &["alarm_name"]),
    (
        "aws_db_instance",
        &[
            "backup_target",
            "character_set_name",
            "custom_iam_instance_profile",
            "db_name",
            "engine",
            "identifier_prefix",
            "kms_key_id",
            "nchar_character_set_name",
            "restore_to_point_in_time",
            "s3_import",
            "snapshot_identifier",
            "storage_encrypted",
            "timezone",
            "username",
            "availability_zone",
        ],
    ),
    (
        "aws_db_parameter_group",
        &["description", "family", "name", "name_prefix"],
    ),
    ("aws_db_subnet_group", &["name", "name_prefix"]),
    ("aws_default_security_group", &["vpc_id"]),
    (
        "aws_eip",
        &[
            "address",
            "customer_owned_ipv4_pool",
            "domain",
            "network_border_group",
            "public_ipv4_pool",
        ],
    ),
    ("aws_iam_instance_profile", &["name", "name_prefix", "path"]),
    ("aws_iam_policy", &["description", "name", "name_prefix", "path"]),
    ("aws_iam_role", &["name", "name_prefix", "path"]),
    ("aws_iam_role_policy", &["name", "name_prefix", "role"]),
    ("aws_iam_role_policy_attachment", &["policy_arn", "role"]),
    (
        "aws_instance",
        &[
            "ami",
            "associate_public_ip_address",
            "availability_zone",
            "hibernation",
            "key_name",
            "subnet_id",
        ],
    ),
    ("aws_key_pair", &["key_name", "key_name_prefix", "public_key"]),
    ("aws_launch_template", &["name", "name_prefix"]),
    (
        "aws_lb",
        &[
            "customer_owned_ipv4_pool",
            "internal",
            "load_balancer_type",
            "name",
            "name_prefix",
        ],
    ),
    ("aws_lb_listener", &["load_balancer_arn"]),
    (
        "aws_lb_listener_certificate",
        &["certificate_arn", "listener_arn"],
    ),
    ("aws_lb_listener_rule", &["listener_arn"]),
    (
        "aws_lb_target_group",
        &[
            "ip_address_type",
            "name",
            "name_prefix",
            "port",
            "protocol",
            "protocol_version",
            "target_type",
            "vpc_id",
        ],
    ),
    (
        "aws_lb_target_group_attachment",
        &["availability_zone", "port", "target_group_arn", "target_id"],
    ),
    (
        "aws_nat_gateway",
        &[
            "allocation_id",
            "connectivity_type",
            "private_ip",
            "secondary_private_ip_address_count",
            "subnet_id",
        ],
    ),
    (
        "aws_route",
        &[
            "destination_cidr_block",
            "destination_ipv6_cidr_block",
            "destination_prefix_list_id",
            "route_table_id",
        ],
    ),
    ("aws_route_table", &["vpc_id"]),
    ("aws_route_table_association", &["gateway_id", "subnet_id"]),
    (
        "aws_s3_bucket",
        &["bucket", "bucket_prefix", "object_lock_enabled"],
    ),
    (
        "aws_s3_bucket_lifecycle_configuration",
        &["bucket", "expected_bucket_owner"],
    ),
    ("aws_s3_bucket_ownership_controls", &["bucket"]),
    ("aws_s3_bucket_policy", &["bucket"]),
    ("aws_s3_bucket_public_access_block", &["bucket"]),
    (
        "aws_s3_bucket_server_side_encryption_configuration",
        &["bucket", "expected_bucket_owner"],
    ),
    (
        "aws_s3_bucket_versioning",
        &["bucket", "expected_bucket_owner", "mfa"],
    ),
    ("aws_secretsmanager_secret", &["name", "name_prefix"]),
    (
        "aws_secretsmanager_secret_version",
        &["secret_binary", "secret_id", "secret_string"],
    ),
    (
        "aws_security_group",
        &["description", "name", "name_prefix", "vpc_id"],
    ),
    ("aws_ssm_parameter", &["name"]),
    (
        "aws_subnet",
        &[
            "availability_zone",
            "availability_zone_id",
            "cidr_block",
            "ipv6_native",
            "outpost_arn",
            "vpc_id",
        ],
    ),
    (
        "aws_vpc",
        &["cidr_block", "ipv4_ipam_pool_id", "ipv4_netmask_length"],
    ),
    (
        "aws_vpc_endpoint",
        &["service_name", "service_region", "vpc_endpoint_type", "vpc_id"],
    ),
    ("aws_vpc_security_group_egress_rule", &["security_group_id"]),
    ("aws_vpc_security_group_ingress_rule", &["security_group_id"]),
];
