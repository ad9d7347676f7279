locals {
  image = "ubuntu-24-04-x64"
  # The site's tag once it is guarded: the same word as in tags, and known only then.
  tags = distinct(concat([var.site_tag], var.tags))
}

resource "digitalocean_droplet" "web" {
  count = var.autoscale ? 0 : var.scaling.min

  name              = "${var.name}-${count.index}"
  region            = var.region
  size              = var.droplet_size
  image             = local.image
  vpc_uuid          = var.network_id
  ssh_keys          = var.ssh_keys
  tags              = local.tags
  user_data         = var.user_data
  monitoring        = true
  graceful_shutdown = true
  # The disk stays as it is, so that a later change to a smaller size is possible.
  resize_disk = false

  lifecycle {
    create_before_destroy = true
    # The slug moves to newer builds; that is no reason to make a Droplet anew.
    ignore_changes = [image]
  }
}

resource "digitalocean_droplet_autoscale" "web" {
  count = var.autoscale ? 1 : 0

  name = var.name

  config {
    min_instances             = var.scaling.min
    max_instances             = var.scaling.max
    target_cpu_utilization    = 0.6
    target_memory_utilization = 0.8
    cooldown_minutes          = 5
  }

  droplet_template {
    region             = var.region
    size               = var.droplet_size
    image              = local.image
    vpc_uuid           = var.network_id
    project_id         = var.project_id
    ssh_keys           = var.ssh_keys
    tags               = local.tags
    user_data          = var.user_data
    with_droplet_agent = true
  }
}

# Takes its Droplets by tag: the same for single ones and for a pool.
resource "digitalocean_loadbalancer" "this" {
  name                      = var.name
  region                    = var.region
  size_unit                 = var.balancer_nodes
  vpc_uuid                  = var.network_id
  project_id                = var.project_id
  droplet_tag               = var.site_tag
  redirect_http_to_https    = var.certificate != null
  tls_cipher_policy         = "STRONG"
  enable_backend_keepalive  = true
  http_idle_timeout_seconds = 60

  # The domain's records are the customer's.
  disable_lets_encrypt_dns_records = true

  forwarding_rule {
    entry_port      = 80
    entry_protocol  = "http"
    target_port     = var.port
    target_protocol = "http"
  }

  dynamic "forwarding_rule" {
    for_each = var.certificate == null ? [] : [var.certificate]
    content {
      entry_port       = 443
      entry_protocol   = "https"
      target_port      = var.port
      target_protocol  = "http"
      certificate_name = forwarding_rule.value
    }
  }

  healthcheck {
    protocol                 = "http"
    port                     = var.port
    path                     = var.health_path
    check_interval_seconds   = 10
    response_timeout_seconds = 5
    healthy_threshold        = 2
    unhealthy_threshold      = 3
  }
}
