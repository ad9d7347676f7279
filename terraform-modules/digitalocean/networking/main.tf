resource "digitalocean_vpc" "this" {
  name        = var.name
  region      = var.region
  ip_range    = var.network_cidr
  description = var.site_tag

  # A network can't go before what was in it is forgotten, which takes minutes.
  timeouts {
    delete = "10m"
  }
}

resource "digitalocean_tag" "site" {
  name = var.site_tag
}

# Tags of a firewall are the Droplets that it guards, and no labels of its own. The balancer reaches them over the
# network, so nothing is open to the internet.
resource "digitalocean_firewall" "this" {
  name = var.name
  tags = [digitalocean_tag.site.name]

  inbound_rule {
    protocol         = "tcp"
    port_range       = tostring(var.port)
    source_addresses = [digitalocean_vpc.this.ip_range]
  }

  outbound_rule {
    protocol              = "tcp"
    port_range            = "1-65535"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }

  outbound_rule {
    protocol              = "udp"
    port_range            = "1-65535"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }

  outbound_rule {
    protocol              = "icmp"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }
}
