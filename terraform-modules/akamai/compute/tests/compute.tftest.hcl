mock_provider "linode" {
  mock_resource "linode_instance" {
    defaults = { id = "104", private_ip_address = "192.168.150.7" }
  }
  mock_resource "linode_nodebalancer" {
    defaults = { id = "105", hostname = "192-0-2-7.ip.linodeusercontent.com", ipv4 = "192.0.2.7" }
  }
  mock_resource "linode_nodebalancer_config" {
    defaults = { id = "106" }
  }
}

variables {
  name          = "shop-00000001"
  region        = "de-fra-2"
  instance_type = "g6-standard-1"
  instances     = 2
  subnet_id     = 102
  firewall_id   = 103
  port          = 8080
  health_path   = "/health"
  https         = false
  user_data     = "#cloud-config"
  tags          = ["site_id:1", "customer_id:2", "managed_by:siteplane"]
}

run "instances_stand_behind_the_firewall_in_the_network_with_the_tags" {
  command = apply

  assert {
    condition     = length(linode_instance.web) == 2 && alltrue([for instance in linode_instance.web : instance.firewall_id == 103 && instance.tags == toset(var.tags) && instance.interface[1].subnet_id == 102])
    error_message = "An instance is without firewall, network or tags."
  }
  assert {
    condition     = keys(linode_nodebalancer_config.this) == ["http"] && length(linode_nodebalancer_node.this) == 2 && linode_nodebalancer_node.this["http-0"].address == "192.168.150.7:8080"
    error_message = "The balancer has other listeners or nodes."
  }
  assert {
    condition     = linode_nodebalancer_config.this["http"].check_path == "/health" && linode_nodebalancer.this.tags == toset(var.tags)
    error_message = "The balancer does not ask the health path, or lacks tags."
  }
}

run "https_is_a_second_listener_with_the_certificate" {
  command = plan

  variables {
    https               = true
    certificate_pem     = "-----BEGIN CERTIFICATE-----"
    certificate_key_pem = "-----BEGIN PRIVATE KEY-----"
  }

  assert {
    condition     = linode_nodebalancer_config.this["https"].port == 443 && nonsensitive(linode_nodebalancer_config.this["https"].ssl_cert) == "-----BEGIN CERTIFICATE-----" && length(linode_nodebalancer_node.this) == 4
    error_message = "HTTPS is not served with the certificate."
  }
}

run "other_user_data_has_another_label" {
  command = plan

  variables {
    user_data = "#cloud-config\n"
  }

  assert {
    condition     = linode_instance.web[0].label != "shop-00000001-0-${substr(sha256("#cloud-config"), 0, 6)}"
    error_message = "Two instances would have one label."
  }
}

run "a_type_and_numbers_that_are_none_are_refused" {
  command = plan

  variables {
    instance_type = "large"
    instances     = 51
    health_path   = "health"
  }

  expect_failures = [var.instance_type, var.instances, var.health_path]
}
