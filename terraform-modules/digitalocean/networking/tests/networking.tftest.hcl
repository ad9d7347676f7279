mock_provider "digitalocean" {}

variables {
  name         = "shop-00000001"
  region       = "fra1"
  network_cidr = "10.20.0.0/16"
  site_tag     = "site_id:2f1c8a90-0000-4000-8000-000000000001"
  port         = 8080
}

run "droplets_are_reached_from_the_network_only" {
  command = apply

  assert {
    condition     = one(digitalocean_firewall.this.inbound_rule).source_addresses == toset(["10.20.0.0/16"]) && one(digitalocean_firewall.this.inbound_rule).port_range == "8080"
    error_message = "Something from outside the network is let in, or the application's port is not."
  }
  assert {
    condition     = digitalocean_firewall.this.tags == toset([var.site_tag])
    error_message = "The firewall guards other Droplets than the site's."
  }
  assert {
    condition     = digitalocean_vpc.this.ip_range == "10.20.0.0/16" && output.site_tag == var.site_tag
    error_message = "The network is not the one that was asked for."
  }
}

run "a_range_that_is_none_is_refused" {
  command = plan

  variables {
    network_cidr = "10.20.0.0"
  }

  expect_failures = [var.network_cidr]
}

run "a_port_that_is_none_is_refused" {
  command = plan

  variables {
    port = 65536
  }

  expect_failures = [var.port]
}

run "a_name_with_capitals_and_a_tag_with_spaces_are_refused" {
  command = plan

  variables {
    name     = "Shop"
    site_tag = "site id"
  }

  expect_failures = [var.name, var.site_tag]
}
