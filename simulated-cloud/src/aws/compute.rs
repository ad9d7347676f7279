//! Machines, scaling groups and load balancers.

use crate::facts::{Recomputed, ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

/// A change of a launch template's tags makes no version of it.
const NO_NEW_VERSION: &[&str] = &[
    "tags",
    "tags_all",
    "update_default_version",
    "default_version",
    "latest_version",
];

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "aws_launch_template",
        computed: &[
            ("id", "lt-{hex}"),
            (
                "arn",
                "arn:{partition}:ec2:{region}:{account}:launch-template/{id}",
            ),
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("latest_version", "{next:latest_version}"),
            ("default_version", "{latest_version}"),
        ],
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating EC2 Launch Template ({name}): operation error EC2: CreateLaunchTemplate, api error \
                    InvalidLaunchTemplateName.AlreadyExistsException: Launch template name already in use.",
        }),
        recomputed: &[
            ("latest_version", Recomputed::WithAnyBut(NO_NEW_VERSION)),
            (
                "default_version",
                Recomputed::WithAnyButWhile(NO_NEW_VERSION, "update_default_version"),
            ),
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_autoscaling_group",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("id", "{name}"),
            (
                "arn",
                "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:{hex16}:autoScalingGroupName/{name}",
            ),
            ("availability_zones", "{region}a,{region}b"),
            ("default_cooldown", "300"),
            ("desired_capacity", "{min_size}"),
            ("health_check_type", "EC2"),
            (
                "service_linked_role_arn",
                "arn:{partition}:iam::{account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            ),
        ],
        key: "{region}/{name}",
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating Auto Scaling Group ({name}): operation error Auto Scaling: CreateAutoScalingGroup, \
                    AlreadyExists: AutoScalingGroup by this name already exists - A group with the name {name} \
                    already exists",
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_autoscaling_policy",
        computed: &[
            ("id", "{name}"),
            (
                "arn",
                "arn:{partition}:autoscaling:{region}:{account}:scalingPolicy:{hex16}:autoScalingGroupName/{autoscaling_group_name}:policyName/{name}",
            ),
        ],
        key: "{region}/{autoscaling_group_name}/{name}",
        import: &["{autoscaling_group_name}/{name}"],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_autoscaling_attachment",
        computed: &[("id", "{autoscaling_group_name}-{stamp}")],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_instance",
        computed: &[
            ("id", "i-{hex}"),
            ("arn", "arn:{partition}:ec2:{region}:{account}:instance/{id}"),
            ("availability_zone", "{region}a"),
            ("host_id", ""),
            ("instance_state", "running"),
            ("key_name", ""),
            ("placement_group", ""),
            ("primary_network_interface_id", "eni-{hex}"),
            ("private_ip", "10.0.0.{octet}"),
            (
                "private_dns",
                "ip-10-0-0-{octet}.{region}.compute.simulated.example",
            ),
            ("public_ip", "203.0.113.{octet}"),
            (
                "public_dns",
                "ec2-203-0-113-{octet}.{region}.compute.simulated.example",
            ),
            ("password_data", ""),
            ("spot_instance_request_id", ""),
            ("subnet_id", "subnet-{#region}"),
            ("tenancy", "default"),
            ("user_data", ""),
            ("user_data_base64", ""),
        ],
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_key_pair",
        computed: &[
            ("key_name", "{key_name_prefix}{stamp}"),
            ("key_name", "terraform-{stamp}"),
            ("id", "{key_name}"),
            (
                "arn",
                "arn:{partition}:ec2:{region}:{account}:key-pair/{key_name}",
            ),
            ("key_pair_id", "key-{hex}"),
            ("key_type", "ed25519"),
            ("fingerprint", "{#public_key}"),
        ],
        key: "{region}/{key_name}",
        unique: Some(UniqueName {
            name: "{account}/{region}/{key_name}",
            error: "importing EC2 Key Pair ({key_name}): api error InvalidKeyPair.Duplicate: The keypair already exists",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_lb",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "tf-lb-{stamp}"),
            (
                "arn",
                "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/{hex16}",
            ),
            ("id", "{arn}"),
            ("arn_suffix", "{tail:arn}"),
            ("dns_name", "{name}-{digits}.{region}.elb.simulated.example"),
            ("zone_id", "ZSIMULATED{zone}"),
            ("internal", "false"),
            ("ip_address_type", "ipv4"),
            ("vpc_id", "vpc-{#id}"),
        ],
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating ELBv2 application Load Balancer ({name}): operation error Elastic Load Balancing v2: \
                    CreateLoadBalancer, DuplicateLoadBalancerName: A load balancer with the same name '{name}' exists, \
                    but with different settings",
        }),
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_lb_target_group",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "tf-{stamp}"),
            (
                "arn",
                "arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{hex16}",
            ),
            ("id", "{arn}"),
            ("arn_suffix", "{tail:arn}"),
            ("ip_address_type", "ipv4"),
            ("load_balancing_algorithm_type", "round_robin"),
            ("load_balancing_anomaly_mitigation", "off"),
            (
                "load_balancing_cross_zone_enabled",
                "use_load_balancer_configuration",
            ),
            ("protocol_version", "HTTP1"),
        ],
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating ELBv2 Target Group ({name}): operation error Elastic Load Balancing v2: \
                    CreateTargetGroup, DuplicateTargetGroupName: A target group with the same name '{name}' exists, \
                    but with different settings",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_lb_target_group_attachment",
        computed: &[("id", "{target_group_arn}-{stamp}")],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_lb_listener",
        computed: &[
            (
                "arn",
                "arn:{partition}:elasticloadbalancing:{region}:{account}:listener/{tail:load_balancer_arn}/{hex16}",
            ),
            ("id", "{arn}"),
            ("protocol", "HTTP"),
        ],
        unique: Some(UniqueName {
            name: "{load_balancer_arn}/{port}",
            error: "creating ELBv2 Listener ({load_balancer_arn}): operation error Elastic Load Balancing v2: \
                    CreateListener, DuplicateListener: A listener already exists on this port for this load balancer",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_lb_listener_rule",
        computed: &[
            (
                "arn",
                "arn:{partition}:elasticloadbalancing:{region}:{account}:listener-rule/{tail:listener_arn}/{hex16}",
            ),
            ("id", "{arn}"),
            ("priority", "1"),
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_lb_listener_certificate",
        computed: &[("id", "{listener_arn}_{certificate_arn}")],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_cloudwatch_metric_alarm",
        computed: &[
            ("id", "{alarm_name}"),
            (
                "arn",
                "arn:{partition}:cloudwatch:{region}:{account}:alarm:{alarm_name}",
            ),
        ],
        key: "{region}/{alarm_name}",
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_cloudwatch_log_group",
        computed: &[
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("id", "{name}"),
            ("arn", "arn:{partition}:logs:{region}:{account}:log-group:{name}"),
            ("log_group_class", "STANDARD"),
        ],
        key: "{region}/{name}",
        unique: Some(UniqueName {
            name: "{account}/{region}/{name}",
            error: "creating CloudWatch Logs Log Group ({name}): operation error CloudWatch Logs: CreateLogGroup, \
                    ResourceAlreadyExistsException: The specified log group already exists",
        }),
        ..PLAIN
    },
];
