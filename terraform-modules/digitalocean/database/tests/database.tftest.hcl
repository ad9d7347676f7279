mock_provider "digitalocean" {
  mock_resource "digitalocean_database_cluster" {
    defaults = { id = "db-1", private_host = "private-shop.db.example.com", port = 25060, user = "doadmin", password = "AVNS_made-by-the-cloud" }
  }
  mock_resource "digitalocean_database_replica" {
    defaults = { private_host = "private-shop-replica.db.example.com" }
  }
}

variables {
  name               = "shop-00000001"
  region             = "fra1"
  size               = "db-s-1vcpu-2gb"
  storage_gb         = 20
  minimum_storage_gb = 30
  high_availability  = false
  engine_version     = 16
  read_replica       = false
  network_id         = "vpc-1"
  project_id         = "project-1"
  site_tag           = "site_id:1"
  tags               = ["site_id:1", "customer_id:2", "managed_by:siteplane"]
}

run "a_database_stands_in_the_network_and_lets_only_the_site_in" {
  command = apply

  assert {
    condition     = digitalocean_database_cluster.this.private_network_uuid == "vpc-1" && digitalocean_database_cluster.this.node_count == 1 && digitalocean_database_cluster.this.version == "16"
    error_message = "The cluster is not the one that was asked for."
  }
  assert {
    condition     = one(digitalocean_database_firewall.this.rule).type == "tag" && one(digitalocean_database_firewall.this.rule).value == "site_id:1"
    error_message = "The database lets others in than the site's Droplets."
  }
  assert {
    condition     = output.storage_gb == 30 && digitalocean_database_cluster.this.storage_size_mib == "30720"
    error_message = "The storage is less than the size has at least."
  }
  assert {
    condition     = digitalocean_database_cluster.this.tags == toset(var.tags) && output.host == "private-shop.db.example.com" && output.replica_host == null
    error_message = "Tags or coordinates are others."
  }
}

run "a_standby_is_a_second_node_and_a_replica_a_second_cluster" {
  command = plan

  variables {
    high_availability = true
    read_replica      = true
    storage_gb        = 61
  }

  assert {
    condition     = digitalocean_database_cluster.this.node_count == 2 && digitalocean_database_replica.this[0].size == "db-s-1vcpu-2gb" && digitalocean_database_replica.this[0].tags == toset(var.tags)
    error_message = "There is no standby, or no replica of the same size."
  }
  assert {
    condition     = output.storage_gb == 70
    error_message = "Storage is not raised to whole tens."
  }
}

run "an_engine_storage_and_size_that_are_none_are_refused" {
  command = plan

  variables {
    engine_version = 13
    storage_gb     = 5
    size           = "s-1vcpu-2gb"
  }

  expect_failures = [var.engine_version, var.storage_gb, var.size]
}
