resource "linode_instance" "web" {
  count = var.instances

  # New user data makes a new instance. Labels are unique in an account, so the label follows the user data and the new
  # instance can be there before the old one goes.
  label  = "${var.name}-${count.index}-${nonsensitive(substr(sha256(var.user_data), 0, 6))}"
  region = var.region
  type   = var.instance_type
  image  = "linode/ubuntu24.04"

  # Nobody signs in with it; the image needs one. It stays as it was made.
  root_pass = "${uuid()}-Aa1"

  firewall_id          = var.firewall_id
  private_ip           = true
  interface_generation = "legacy_config"
  watchdog_enabled     = true
  tags                 = var.tags

  # eth0: public and private address, the NodeBalancer's way in; eth1: the network, the way to the database.
  interface {
    purpose = "public"
    primary = true
  }

  interface {
    purpose   = "vpc"
    subnet_id = var.subnet_id
  }

  metadata {
    user_data = base64encode(var.user_data)
  }

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [root_pass, image]
  }
}

resource "linode_nodebalancer" "this" {
  label                = "${var.name}-nb"
  region               = var.region
  client_conn_throttle = 0
  tags                 = var.tags
}

locals {
  listeners = merge(
    { http = { port = 80, protocol = "http" } },
    var.https ? { https = { port = 443, protocol = "https" } } : {},
  )

  nodes = merge([
    for name, listener in local.listeners : {
      for index in range(var.instances) : "${name}-${index}" => { listener = name, index = index }
    }
  ]...)
}

resource "linode_nodebalancer_config" "this" {
  for_each = local.listeners

  nodebalancer_id = linode_nodebalancer.this.id
  port            = each.value.port
  protocol        = each.value.protocol
  algorithm       = "leastconn"
  stickiness      = "none"
  ssl_cert        = each.key == "https" ? var.certificate_pem : null
  ssl_key         = each.key == "https" ? var.certificate_key_pem : null
  cipher_suite    = each.key == "https" ? "recommended" : null

  check          = "http"
  check_path     = var.health_path
  check_interval = 10
  check_timeout  = 5
  check_attempts = 3
  check_passive  = true
}

resource "linode_nodebalancer_node" "this" {
  for_each = local.nodes

  nodebalancer_id = linode_nodebalancer.this.id
  config_id       = linode_nodebalancer_config.this[each.value.listener].id
  label           = "${var.name}-${each.value.index}"
  address         = "${linode_instance.web[each.value.index].private_ip_address}:${var.port}"
  mode            = "accept"
  weight          = 100
}
