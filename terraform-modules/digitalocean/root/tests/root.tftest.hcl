# Values of a shape that the provider's own checks take.
mock_provider "digitalocean" {
  mock_resource "digitalocean_loadbalancer" {
    defaults = { ip = "198.51.100.7", urn = "do:loadbalancer:lb-1" }
  }
  mock_resource "digitalocean_droplet" {
    defaults = { urn = "do:droplet:1" }
  }
  mock_resource "digitalocean_database_cluster" {
    defaults = { urn = "do:dbaas:db-1", private_host = "private-shop.db.example.com", port = 25060, user = "doadmin", password = "AVNS_made-by-the-cloud" }
  }
  mock_resource "digitalocean_database_replica" {
    defaults = { private_host = "private-shop-replica.db.example.com", user = "doadmin", password = "AVNS_of-the-replica" }
  }
  mock_resource "digitalocean_spaces_bucket" {
    defaults = { urn = "do:space:shop-000000000001", endpoint = "fra1.digitaloceanspaces.com", bucket_domain_name = "shop-000000000001.fra1.digitaloceanspaces.com" }
  }
  mock_resource "digitalocean_spaces_key" {
    defaults = { access_key = "DO00EXAMPLE", secret_key = "made-by-the-cloud" }
  }
}

variables {
  site_id             = "2f1c8a90-0000-4000-8000-000000000001"
  site_name           = "shop"
  customer_id         = "7d0e2b34-0000-4000-8000-000000000002"
  region              = "fra1"
  size                = "small"
  application         = { image = "nginx:1.29", port = 8080, env = { GREETING = "hello" }, health_path = "/", command = null }
  scaling             = { min = 1, max = 1 }
  deletion_protection = false
}

run "the_root_makes_a_site_without_secrets" {
  command = apply

  assert {
    condition     = output.url == "http://198.51.100.7"
    error_message = "The root does not hand the site's outputs on."
  }
}

run "secrets_are_marked_and_nothing_else_is" {
  command = apply

  variables {
    application_secrets = { API_KEY = "hunter2" }
    registry            = { server = "ghcr.io", username = "acme", password = "hunter2" }
    database            = { storage_gb = 20, high_availability = false, backup_days = 7, engine_version = 16, read_replica = false }
    storage             = { versioning = true }
  }

  assert {
    condition     = output.database_password == "AVNS_made-by-the-cloud" && issensitive(output.database_password)
    error_message = "The password is not handed on, or shows."
  }
  assert {
    condition = !anytrue([
      for value in [output.url, output.hostname, output.database_host, output.database_port, output.bucket_name, output.network_id, output.dns_records, output.capabilities] : issensitive(value)
    ])
    error_message = "The mark of the secrets has spread to an output that is none."
  }
}
