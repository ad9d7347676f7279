mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
}

variables {
  name         = "shop-2f1c8a90"
  region       = "eu-central-1"
  network_cidr = "10.20.0.0/16"
  nat_per_zone = false
  port         = 8080
  https        = false
  tags         = { site_id = "2f1c8a90-0000-4000-8000-000000000001", managed_by = "siteplane" }
}

run "the_network_is_cut_into_four_equal_subnets_over_two_zones" {
  command = plan

  assert {
    condition     = concat(aws_subnet.public[*].cidr_block, aws_subnet.private[*].cidr_block) == ["10.20.0.0/18", "10.20.64.0/18", "10.20.128.0/18", "10.20.192.0/18"]
    error_message = "The subnets are not the four quarters of the network."
  }
  assert {
    condition     = aws_subnet.public[*].availability_zone == ["eu-central-1a", "eu-central-1b"] && aws_subnet.private[*].availability_zone == ["eu-central-1a", "eu-central-1b"]
    error_message = "The subnets do not lie in the first two zones."
  }
}

run "a_24_is_large_enough" {
  command = plan

  variables {
    network_cidr = "192.168.7.0/24"
  }

  assert {
    condition     = aws_subnet.private[1].cidr_block == "192.168.7.192/26"
    error_message = "A /24 is not cut into four /26."
  }
}

run "one_nat_gateway_serves_both_zones" {
  command = apply

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(distinct(aws_route.private[*].nat_gateway_id)) == 1
    error_message = "There is not one NAT gateway behind both private routes."
  }
}

run "a_nat_gateway_per_zone_is_one_per_private_route" {
  command = plan

  variables {
    nat_per_zone = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_eip.nat) == 2
    error_message = "There are not two NAT gateways."
  }
}

run "without_a_certificate_only_port_80_is_open" {
  command = plan

  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.balancer) == ["80"]
    error_message = "The balancer is open on other ports than 80."
  }
}

run "with_https_443_is_open_too" {
  command = plan

  variables {
    https = true
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.balancer)) == toset(["80", "443"])
    error_message = "The balancer is not open on exactly 80 and 443."
  }
}

run "instances_are_open_on_their_port_and_the_database_on_5432_to_groups_only" {
  command = plan

  variables {
    port = 9090
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.web.from_port == 9090 && aws_vpc_security_group_ingress_rule.web.to_port == 9090 && aws_vpc_security_group_ingress_rule.web.cidr_ipv4 == null
    error_message = "The instances are open to more than the balancer on their port."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.database.from_port == 5432 && aws_vpc_security_group_ingress_rule.database.cidr_ipv4 == null
    error_message = "The database is open to more than the instances on 5432."
  }
}

run "everything_carries_the_tags" {
  command = plan

  assert {
    condition = alltrue([
      for tags in concat(
        aws_subnet.public[*].tags, aws_subnet.private[*].tags, aws_eip.nat[*].tags, aws_nat_gateway.this[*].tags, aws_route_table.private[*].tags,
        values(aws_vpc_security_group_ingress_rule.balancer)[*].tags,
        [
          aws_vpc.this.tags, aws_default_security_group.this.tags, aws_internet_gateway.this.tags, aws_route_table.public.tags, aws_vpc_endpoint.s3.tags,
          aws_security_group.balancer.tags, aws_security_group.web.tags, aws_security_group.database.tags,
          aws_vpc_security_group_egress_rule.balancer.tags, aws_vpc_security_group_egress_rule.web.tags,
          aws_vpc_security_group_ingress_rule.web.tags, aws_vpc_security_group_ingress_rule.database.tags,
        ],
      ) : tags["site_id"] == "2f1c8a90-0000-4000-8000-000000000001" && tags["managed_by"] == "siteplane"
    ])
    error_message = "Something lacks the site's tags."
  }
}

run "a_region_with_one_zone_is_refused" {
  command = plan

  override_data {
    target = data.aws_availability_zones.available
    values = { names = ["eu-central-1a"] }
  }

  expect_failures = [data.aws_availability_zones.available]
}

run "a_network_that_is_too_small_and_a_port_that_is_none_are_refused" {
  command = plan

  variables {
    name         = "-shop"
    network_cidr = "10.20.0.0/25"
    port         = 0
  }

  expect_failures = [var.name, var.network_cidr, var.port]
}
