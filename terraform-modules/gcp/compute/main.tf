locals {
  https = var.certificate != null
  # A map holds certificates by host name; the proxy takes it as another attribute.
  certificate_is_map = local.https ? startswith(var.certificate, "//certificatemanager.googleapis.com/") : false
}

resource "google_service_account" "instances" {
  account_id   = var.service_account_id
  display_name = "Instances of ${var.name}"
  description  = "What the instances of ${var.name} may do"
}

resource "google_storage_bucket_iam_member" "instances" {
  count = var.bucket_access ? 1 : 0

  bucket = var.bucket_name
  role   = "roles/storage.objectUser"
  member = google_service_account.instances.member
}

resource "google_compute_region_instance_template" "web" {
  name_prefix  = "${var.name}-"
  description  = "Instances of ${var.name}"
  region       = var.region
  machine_type = var.machine_type
  tags         = [var.instance_tag]
  labels       = var.labels

  disk {
    # A family: an instance starts from the newest image, and a newer image is no change of the site.
    source_image = "projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64"
    boot         = true
    auto_delete  = true
    disk_type    = "pd-balanced"
    disk_size_gb = 20
    labels       = var.labels
  }

  # Without access_config there is no public address.
  network_interface {
    subnetwork = var.subnetwork_id
  }

  metadata = {
    user-data              = var.user_data
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
    serial-port-enable     = "FALSE"
  }

  # What it may do is said by roles.
  service_account {
    email  = google_service_account.instances.email
    scopes = ["cloud-platform"]
  }

  scheduling {
    automatic_restart   = true
    on_host_maintenance = "MIGRATE"
    provisioning_model  = "STANDARD"
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  # Nothing of a template can change: the new one must be there before the group leaves the old one.
  lifecycle {
    create_before_destroy = true
  }
}

# Two checks: the balancer leaves an instance soon, a repair waits until it is surely lost.
resource "google_compute_health_check" "balancer" {
  name                = "${var.name}-balancer"
  description         = "Whether an instance gets requests"
  check_interval_sec  = 10
  timeout_sec         = 5
  healthy_threshold   = 2
  unhealthy_threshold = 3

  http_health_check {
    port         = var.port
    request_path = var.health_path
  }
}

resource "google_compute_health_check" "repair" {
  name                = "${var.name}-repair"
  description         = "Whether an instance is made anew"
  check_interval_sec  = 15
  timeout_sec         = 10
  healthy_threshold   = 1
  unhealthy_threshold = 8

  http_health_check {
    port         = var.port
    request_path = var.health_path
  }
}

resource "google_compute_region_instance_group_manager" "web" {
  name               = var.name
  description        = "Instances of ${var.name}"
  region             = var.region
  base_instance_name = var.name

  version {
    instance_template = google_compute_region_instance_template.web.self_link
  }

  named_port {
    name = "application"
    port = var.port
  }

  auto_healing_policies {
    health_check      = google_compute_health_check.repair.id
    initial_delay_sec = 600
  }

  # New instances before old ones go. In three zones Google takes a surge of none or of at least three.
  update_policy {
    type                         = "PROACTIVE"
    minimal_action               = "REPLACE"
    replacement_method           = "SUBSTITUTE"
    instance_redistribution_type = "PROACTIVE"
    max_surge_fixed              = 3
    max_unavailable_fixed        = 0
  }

  all_instances_config {
    labels = var.labels
  }

  # How many there are is the autoscaler's, also where the fewest are the most. Instances need their whole role when
  # they start.
  depends_on = [google_storage_bucket_iam_member.instances]
}

resource "google_compute_region_autoscaler" "web" {
  name        = var.name
  description = "Number of instances of ${var.name}"
  region      = var.region
  target      = google_compute_region_instance_group_manager.web.id

  autoscaling_policy {
    min_replicas    = var.scaling.min
    max_replicas    = var.scaling.max
    cooldown_period = 180

    cpu_utilization {
      target = 0.6
    }
  }
}

resource "google_compute_global_address" "balancer" {
  name         = "${var.name}-balancer"
  description  = "Load balancer of ${var.name}"
  address_type = "EXTERNAL"
  ip_version   = "IPV4"
  labels       = var.labels
}

resource "google_compute_backend_service" "web" {
  name                            = var.name
  description                     = "Instances of ${var.name}"
  load_balancing_scheme           = "EXTERNAL_MANAGED"
  protocol                        = "HTTP"
  port_name                       = "application"
  timeout_sec                     = 60
  connection_draining_timeout_sec = 30
  health_checks                   = [google_compute_health_check.balancer.id]

  backend {
    group           = google_compute_region_instance_group_manager.web.instance_group
    balancing_mode  = "UTILIZATION"
    max_utilization = 0.8
  }
}

resource "google_compute_url_map" "web" {
  name            = var.name
  description     = "Everything to the instances of ${var.name}"
  default_service = google_compute_backend_service.web.id
}

resource "google_compute_url_map" "redirect" {
  count = local.https ? 1 : 0

  name        = "${var.name}-redirect"
  description = "Everything to HTTPS"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "MOVED_PERMANENTLY_DEFAULT"
    strip_query            = false
  }
}

resource "google_compute_target_http_proxy" "web" {
  name    = "${var.name}-http"
  url_map = local.https ? google_compute_url_map.redirect[0].id : google_compute_url_map.web.id
}

resource "google_compute_global_forwarding_rule" "http" {
  name                  = "${var.name}-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.balancer.id
  ip_protocol           = "TCP"
  port_range            = "80"
  target                = google_compute_target_http_proxy.web.id
  labels                = var.labels
}

resource "google_compute_ssl_policy" "web" {
  count = local.https ? 1 : 0

  name            = var.name
  description     = "TLS of ${var.name}"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "web" {
  count = local.https ? 1 : 0

  name             = "${var.name}-https"
  url_map          = google_compute_url_map.web.id
  ssl_certificates = local.certificate_is_map ? null : [var.certificate]
  certificate_map  = local.certificate_is_map ? var.certificate : null
  ssl_policy       = google_compute_ssl_policy.web[0].id
}

resource "google_compute_global_forwarding_rule" "https" {
  count = local.https ? 1 : 0

  name                  = "${var.name}-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.balancer.id
  ip_protocol           = "TCP"
  port_range            = "443"
  target                = google_compute_target_https_proxy.web[0].id
  labels                = var.labels
}
