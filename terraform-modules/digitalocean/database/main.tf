locals {
  storage_gb = max(ceil(var.storage_gb / 10) * 10, var.minimum_storage_gb)
}

resource "digitalocean_database_cluster" "this" {
  name                 = var.name
  engine               = "pg"
  version              = tostring(var.engine_version)
  region               = var.region
  size                 = var.size
  node_count           = var.high_availability ? 2 : 1
  storage_size_mib     = tostring(local.storage_gb * 1024)
  private_network_uuid = var.network_id
  project_id           = var.project_id
  tags                 = var.tags

  maintenance_window {
    day  = "sunday"
    hour = "03:00"
  }

  lifecycle {
    # A move to another project by hand must not make the database anew.
    ignore_changes = [project_id]
  }
}

resource "digitalocean_database_firewall" "this" {
  cluster_id = digitalocean_database_cluster.this.id

  rule {
    type  = "tag"
    value = var.site_tag
  }
}

# The application signs in as the owner of the cluster: other users may make no tables until they are granted it.
resource "digitalocean_database_db" "app" {
  cluster_id = digitalocean_database_cluster.this.id
  name       = "app"
}

resource "digitalocean_database_replica" "this" {
  count = var.read_replica ? 1 : 0

  cluster_id           = digitalocean_database_cluster.this.id
  name                 = "${var.name}-replica"
  region               = var.region
  size                 = var.size
  storage_size_mib     = tostring(local.storage_gb * 1024)
  private_network_uuid = var.network_id
  tags                 = var.tags
}
