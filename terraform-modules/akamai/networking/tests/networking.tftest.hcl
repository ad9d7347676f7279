mock_provider "linode" {
  mock_resource "linode_vpc" {
    defaults = { id = "101" }
  }
}

variables {
  name         = "shop-00000001"
  region       = "de-fra-2"
  network_cidr = "10.20.0.0/16"
  port         = 8080
  description  = "site_id:1"
  tags         = ["site_id:1", "customer_id:2", "managed_by:siteplane"]
}

run "only_the_balancer_and_the_network_reach_the_instances" {
  command = apply

  assert {
    condition     = linode_firewall.web.inbound_policy == "DROP" && [for rule in linode_firewall.web.inbound : "${rule.ports} ${rule.ipv4[0]}"] == ["8080 192.168.255.0/24", "8080 10.20.0.0/16"]
    error_message = "Others are let in, or the balancer is not."
  }
  assert {
    condition     = linode_vpc_subnet.this.ipv4 == "10.20.0.0/16" && linode_vpc.this.description == "site_id:1" && linode_firewall.web.tags == toset(var.tags)
    error_message = "The network is not the one that was asked for, or the firewall lacks tags."
  }
}

run "a_range_a_port_and_a_name_that_are_none_are_refused" {
  command = plan

  variables {
    network_cidr = "10.20.0.0"
    port         = 65536
    name         = "Shop"
    tags         = ["x"]
  }

  expect_failures = [var.network_cidr, var.port, var.name, var.tags]
}
