mock_provider "digitalocean" {
  mock_resource "digitalocean_loadbalancer" {
    defaults = { ip = "198.51.100.7", urn = "do:loadbalancer:lb-1" }
  }
  mock_resource "digitalocean_droplet" {
    defaults = { urn = "do:droplet:1" }
  }
}

variables {
  name           = "shop-00000001"
  region         = "fra1"
  droplet_size   = "s-1vcpu-2gb"
  balancer_nodes = 1
  scaling        = { min = 2, max = 2 }
  autoscale      = false
  ssh_keys       = []
  network_id     = "vpc-1"
  project_id     = "project-1"
  site_tag       = "site_id:1"
  port           = 8080
  health_path    = "/health"
  user_data      = "#cloud-config"
  tags           = ["site_id:1", "customer_id:2", "managed_by:siteplane"]
}

run "as_many_droplets_as_asked_stand_in_the_network_with_the_tags" {
  command = apply

  assert {
    condition     = length(digitalocean_droplet.web) == 2 && length(digitalocean_droplet_autoscale.web) == 0 && length(output.droplet_urns) == 2
    error_message = "There are not two Droplets."
  }
  assert {
    condition     = alltrue([for droplet in digitalocean_droplet.web : droplet.vpc_uuid == "vpc-1" && droplet.tags == toset(var.tags) && droplet.size == "s-1vcpu-2gb"])
    error_message = "A Droplet is outside the network, lacks a tag, or has another size."
  }
  assert {
    condition     = digitalocean_loadbalancer.this.droplet_tag == "site_id:1" && digitalocean_loadbalancer.this.healthcheck[0].path == "/health"
    error_message = "The balancer does not find or ask its Droplets."
  }
  assert {
    condition     = [for rule in digitalocean_loadbalancer.this.forwarding_rule : rule.entry_port] == [80] && !digitalocean_loadbalancer.this.redirect_http_to_https
    error_message = "Without a certificate the balancer is open on something else than 80."
  }
}

run "a_certificate_opens_443_and_leads_80_there" {
  command = plan

  variables {
    certificate = "shop-2026"
  }

  assert {
    condition     = contains([for rule in digitalocean_loadbalancer.this.forwarding_rule : "${rule.entry_port} ${rule.certificate_name == null ? "" : rule.certificate_name}"], "443 shop-2026") && digitalocean_loadbalancer.this.redirect_http_to_https
    error_message = "HTTPS is not served with the certificate."
  }
}

run "a_pool_scales_between_the_bounds" {
  command = plan

  variables {
    autoscale = true
    scaling   = { min = 2, max = 5 }
    ssh_keys  = ["123456"]
  }

  assert {
    condition     = length(digitalocean_droplet.web) == 0 && digitalocean_droplet_autoscale.web[0].config[0].min_instances == 2 && digitalocean_droplet_autoscale.web[0].config[0].max_instances == 5
    error_message = "The pool has other bounds."
  }
  assert {
    condition     = digitalocean_droplet_autoscale.web[0].droplet_template[0].tags == toset(var.tags)
    error_message = "Droplets of the pool lack tags."
  }
}

run "a_pool_without_a_key_is_refused" {
  command = plan

  variables {
    autoscale = true
  }

  expect_failures = [var.autoscale]
}

run "a_size_and_bounds_that_are_none_are_refused" {
  command = plan

  variables {
    droplet_size   = "Big"
    balancer_nodes = 0
    scaling        = { min = 3, max = 2 }
    health_path    = "health"
  }

  expect_failures = [var.droplet_size, var.balancer_nodes, var.scaling, var.health_path]
}
