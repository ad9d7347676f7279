locals {
  prefix_length = tonumber(split("/", var.network_cidr)[1])
  # Managed services need a /24 of their own, which half of a /24 is not: then Google chooses one.
  services_cidr = local.prefix_length <= 23 ? cidrsubnet(var.network_cidr, 1, 1) : null

  # Where Google's balancers and health checks, and its proxy for SSH, come from.
  balancer_ranges = ["130.211.0.0/22", "35.191.0.0/16"]
  ssh_ranges      = ["35.235.240.0/20"]
}

resource "google_compute_network" "this" {
  name                    = var.name
  description             = "Network of ${var.name}"
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

resource "google_compute_subnetwork" "instances" {
  name                     = "${var.name}-instances"
  description              = "Instances of ${var.name}"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = cidrsubnet(var.network_cidr, 2, 0)
  private_ip_google_access = true # bucket traffic does not pay for the NAT gateway
}

# A network refuses what no rule allows.
resource "google_compute_firewall" "balancer" {
  name          = "${var.name}-balancer"
  description   = "Instances: application port from the load balancer and its health checks"
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  source_ranges = local.balancer_ranges
  target_tags   = [var.instance_tag]

  allow {
    protocol = "tcp"
    ports    = [tostring(var.port)]
  }
}

# Identity-Aware Proxy asks who it is before it lets anyone through.
resource "google_compute_firewall" "ssh" {
  name          = "${var.name}-ssh"
  description   = "Instances: SSH through Identity-Aware Proxy"
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  source_ranges = local.ssh_ranges
  target_tags   = [var.instance_tag]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

resource "google_compute_router" "this" {
  name        = var.name
  description = "Router of ${var.name}"
  region      = var.region
  network     = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  name                                = var.name
  region                              = var.region
  router                              = google_compute_router.this.name
  nat_ip_allocate_option              = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat  = "LIST_OF_SUBNETWORKS"
  enable_dynamic_port_allocation      = true
  enable_endpoint_independent_mapping = false # goes with ports that are given out as they are needed
  min_ports_per_vm                    = 64
  max_ports_per_vm                    = 4096

  subnetwork {
    name                    = google_compute_subnetwork.instances.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

resource "google_compute_global_address" "services" {
  count = var.private_services ? 1 : 0

  name          = "${var.name}-services"
  description   = "Managed services of ${var.name}"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = local.services_cidr == null ? null : split("/", local.services_cidr)[0]
  prefix_length = local.services_cidr == null ? 24 : tonumber(split("/", local.services_cidr)[1])
  network       = google_compute_network.this.id
  labels        = var.labels
}

# Google refuses to cut the connection for hours after the last database is gone; left alone, it goes with the
# network.
resource "google_service_networking_connection" "services" {
  count = var.private_services ? 1 : 0

  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services[0].name]
  deletion_policy         = "ABANDON"
}
