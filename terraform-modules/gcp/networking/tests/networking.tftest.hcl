mock_provider "google" {
  mock_resource "google_compute_network" {
    defaults = { id = "projects/acme-web/global/networks/shop-2f1c8a90" }
  }
  mock_resource "google_compute_subnetwork" {
    defaults = { id = "projects/acme-web/regions/europe-west3/subnetworks/shop-2f1c8a90-instances" }
  }
}

variables {
  name             = "shop-2f1c8a90"
  region           = "europe-west3"
  network_cidr     = "10.20.0.0/16"
  private_services = true
  instance_tag     = "shop-2f1c8a90"
  port             = 8080
  labels           = { site_id = "2f1c8a90-0000-4000-8000-000000000001", managed_by = "siteplane" }
}

run "instances_have_the_first_quarter_and_services_the_second_half" {
  command = plan

  assert {
    condition     = google_compute_subnetwork.instances.ip_cidr_range == "10.20.0.0/18"
    error_message = "The instances do not have the first quarter."
  }
  assert {
    condition     = google_compute_global_address.services[0].address == "10.20.128.0" && google_compute_global_address.services[0].prefix_length == 17 && output.services_range_is_inside
    error_message = "The managed services do not have the second half."
  }
}

run "a_23_has_just_room_for_services" {
  command = plan

  variables {
    network_cidr = "192.168.6.0/23"
  }

  assert {
    condition     = google_compute_global_address.services[0].address == "192.168.7.0" && google_compute_global_address.services[0].prefix_length == 24
    error_message = "The second half of a /23 is not the managed services'."
  }
}

run "beside_a_24_google_chooses_a_range_for_services" {
  command = plan

  variables {
    network_cidr = "192.168.7.0/24"
  }

  assert {
    condition     = google_compute_subnetwork.instances.ip_cidr_range == "192.168.7.0/26" && google_compute_global_address.services[0].prefix_length == 24 && !output.services_range_is_inside
    error_message = "Services would have less than the /24 that they need."
  }
}

run "without_managed_services_nothing_is_reserved" {
  command = plan

  variables {
    private_services = false
  }

  assert {
    condition     = length(google_compute_global_address.services) == 0 && length(google_service_networking_connection.services) == 0 && output.services_range_name == null
    error_message = "There is a range that nobody asked for."
  }
}

run "only_the_balancer_and_the_proxy_for_ssh_reach_instances" {
  command = plan

  assert {
    condition     = google_compute_firewall.balancer.source_ranges == toset(["130.211.0.0/22", "35.191.0.0/16"]) && one(google_compute_firewall.balancer.allow).ports == tolist(["8080"])
    error_message = "The application's port is not open to Google's balancers alone."
  }
  assert {
    condition     = google_compute_firewall.ssh.source_ranges == toset(["35.235.240.0/20"]) && one(google_compute_firewall.ssh.allow).ports == tolist(["22"])
    error_message = "SSH is not open to Identity-Aware Proxy alone."
  }
  assert {
    condition     = alltrue([for rule in [google_compute_firewall.balancer, google_compute_firewall.ssh] : rule.target_tags == toset(["shop-2f1c8a90"])])
    error_message = "A rule holds for more than the instances."
  }
}

run "instances_go_out_through_nat_and_services_are_connected" {
  command = apply

  assert {
    condition     = one(google_compute_router_nat.this.subnetwork).name == google_compute_subnetwork.instances.id && google_compute_router_nat.this.nat_ip_allocate_option == "AUTO_ONLY"
    error_message = "The instances have no way out."
  }
  assert {
    condition     = google_service_networking_connection.services[0].reserved_peering_ranges == tolist(["shop-2f1c8a90-services"]) && google_service_networking_connection.services[0].deletion_policy == "ABANDON"
    error_message = "Managed services are not connected by their range, or their connection would hold up a destroy."
  }
  assert {
    condition     = output.network_id == output.services_network_id && output.network_id == "projects/acme-web/global/networks/shop-2f1c8a90"
    error_message = "The network's id is not handed on."
  }
}

run "what_has_labels_carries_them" {
  command = plan

  assert {
    condition     = google_compute_global_address.services[0].labels["site_id"] == "2f1c8a90-0000-4000-8000-000000000001" && google_compute_global_address.services[0].labels["managed_by"] == "siteplane"
    error_message = "The range lacks the site's labels."
  }
}

run "values_out_of_their_limits_are_refused" {
  command = plan

  variables {
    name         = "Shop"
    network_cidr = "10.20.0.0/25"
    port         = 70000
  }

  expect_failures = [var.name, var.network_cidr, var.port]
}
