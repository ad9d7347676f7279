//! Networks: VPC, subnets, gateways, routes, security groups.

use crate::facts::{ResourceFacts, UniqueName};

const PLAIN: ResourceFacts = ResourceFacts::PLAIN;

const OWNER: (&str, &str) = ("owner_id", "{account}");

pub(super) const ROWS: &[ResourceFacts] = &[
    ResourceFacts {
        type_name: "aws_vpc",
        computed: &[
            ("id", "vpc-{hex}"),
            ("arn", "arn:{partition}:ec2:{region}:{account}:vpc/{id}"),
            ("default_network_acl_id", "acl-{#id}"),
            ("default_route_table_id", "rtb-{#id}"),
            ("main_route_table_id", "rtb-{#id}"),
            ("default_security_group_id", "sg-{#id}"),
            ("dhcp_options_id", "dopt-{#id}"),
            ("ipv6_association_id", ""),
            OWNER,
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_default_security_group",
        // The group that came with the VPC: nothing is made.
        computed: &[
            ("id", "sg-{#vpc_id}"),
            (
                "arn",
                "arn:{partition}:ec2:{region}:{account}:security-group/{id}",
            ),
            ("name", "default"),
            ("description", "default VPC security group"),
            OWNER,
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_subnet",
        computed: &[
            ("id", "subnet-{hex}"),
            ("arn", "arn:{partition}:ec2:{region}:{account}:subnet/{id}"),
            ("availability_zone", "{region}a"),
            ("availability_zone_id", "{zone}-az1"),
            ("ipv6_cidr_block_association_id", ""),
            ("private_dns_hostname_type_on_launch", "ip-name"),
            OWNER,
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_internet_gateway",
        computed: &[
            ("id", "igw-{hex}"),
            (
                "arn",
                "arn:{partition}:ec2:{region}:{account}:internet-gateway/{id}",
            ),
            ("vpc_id", ""),
            OWNER,
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_eip",
        computed: &[
            ("id", "eipalloc-{hex}"),
            ("allocation_id", "{id}"),
            ("arn", "arn:{partition}:ec2:{region}:{account}:elastic-ip/{id}"),
            ("domain", "vpc"),
            ("association_id", ""),
            ("carrier_ip", ""),
            ("customer_owned_ip", ""),
            ("network_border_group", "{region}"),
            ("private_ip", ""),
            ("public_ip", "203.0.113.{octet}"),
            (
                "public_dns",
                "ec2-203-0-113-{octet}.{region}.compute.simulated.example",
            ),
            ("public_ipv4_pool", "amazon"),
            ("ipam_pool_id", ""),
            ("vpc", "true"),
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_nat_gateway",
        computed: &[
            ("id", "nat-{hex}"),
            ("association_id", "eipassoc-{hex}"),
            ("network_interface_id", "eni-{hex}"),
            ("private_ip", "10.0.0.{octet}"),
            ("public_ip", "203.0.113.{octet}"),
        ],
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_route_table",
        computed: &[
            ("id", "rtb-{hex}"),
            ("arn", "arn:{partition}:ec2:{region}:{account}:route-table/{id}"),
            OWNER,
        ],
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_route",
        computed: &[
            (
                "id",
                "r-{route_table_id}{crc:destination_cidr_block|destination_ipv6_cidr_block|destination_prefix_list_id}",
            ),
            ("instance_id", ""),
            ("instance_owner_id", ""),
            ("network_interface_id", ""),
            ("origin", "CreateRoute"),
            ("state", "active"),
        ],
        import: &[
            "{route_table_id}_{destination_cidr_block|destination_ipv6_cidr_block|destination_prefix_list_id}",
        ],
        unique: Some(UniqueName {
            name: "{id}",
            error: "creating Route in Route Table ({route_table_id}): RouteAlreadyExists: The route identified by \
                    {destination_cidr_block|destination_ipv6_cidr_block|destination_prefix_list_id} already exists.",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_route_table_association",
        computed: &[("id", "rtbassoc-{hex}")],
        import: &["{subnet_id|gateway_id}/{route_table_id}"],
        unique: Some(UniqueName {
            name: "{subnet_id|gateway_id}",
            error: "creating Route Table ({route_table_id}) Association: Resource.AlreadyAssociated: the specified \
                    association for {subnet_id|gateway_id} conflicts with an existing association",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_vpc_endpoint",
        computed: &[
            ("id", "vpce-{hex}"),
            ("arn", "arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}"),
            ("ip_address_type", "ipv4"),
            ("prefix_list_id", "pl-{hex}"),
            ("private_dns_enabled", "false"),
            ("requester_managed", "false"),
            ("service_region", "{region}"),
            ("state", "available"),
            OWNER,
        ],
        slow: true,
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_security_group",
        computed: &[
            ("id", "sg-{hex}"),
            (
                "arn",
                "arn:{partition}:ec2:{region}:{account}:security-group/{id}",
            ),
            ("name", "{name_prefix}{stamp}"),
            ("name", "terraform-{stamp}"),
            ("vpc_id", "vpc-{#region}"),
            OWNER,
        ],
        unique: Some(UniqueName {
            name: "{vpc_id}/{name}",
            error: "creating Security Group ({name}): operation error EC2: CreateSecurityGroup, api error \
                    InvalidGroup.Duplicate: The security group '{name}' already exists for VPC '{vpc_id}'",
        }),
        ..PLAIN
    },
    ResourceFacts {
        type_name: "aws_vpc_security_group_ingress_rule",
        ..SECURITY_GROUP_RULE
    },
    ResourceFacts {
        type_name: "aws_vpc_security_group_egress_rule",
        ..SECURITY_GROUP_RULE
    },
];

const SECURITY_GROUP_RULE: ResourceFacts = ResourceFacts {
    computed: &[
        ("id", "sgr-{hex}"),
        ("security_group_rule_id", "{id}"),
        (
            "arn",
            "arn:{partition}:ec2:{region}:{account}:security-group-rule/{id}",
        ),
    ],
    ..PLAIN
};
