# Values of a shape that the provider's own checks take.
mock_provider "linode" {
  mock_resource "linode_vpc" {
    defaults = { id = "101" }
  }
  mock_resource "linode_vpc_subnet" {
    defaults = { id = "102" }
  }
  mock_resource "linode_firewall" {
    defaults = { id = "103" }
  }
  mock_resource "linode_instance" {
    defaults = { id = "104", private_ip_address = "192.168.150.7" }
  }
  mock_resource "linode_nodebalancer" {
    defaults = { id = "105", hostname = "192-0-2-7.ip.linodeusercontent.com", ipv4 = "192.0.2.7" }
  }
  mock_resource "linode_nodebalancer_config" {
    defaults = { id = "106" }
  }
  mock_resource "linode_database_postgresql_v2" {
    defaults = { host_primary = "private-shop.g2a.akamaidb.net", host_standby = "private-replica-shop.g2a.akamaidb.net", port = 15432, root_username = "akmadmin", root_password = "made-by-the-service" }
  }
  mock_resource "linode_object_storage_bucket" {
    defaults = { hostname = "shop-000000000001.de-fra-2.linodeobjects.com", s3_endpoint = "de-fra-2.linodeobjects.com" }
  }
  mock_resource "linode_object_storage_key" {
    defaults = { access_key = "EXAMPLE", secret_key = "made-by-the-service" }
  }
}

variables {
  site_id             = "2f1c8a90-0000-4000-8000-000000000001"
  site_name           = "shop"
  customer_id         = "7d0e2b34-0000-4000-8000-000000000002"
  region              = "de-fra-2"
  size                = "small"
  application         = { image = "nginx:1.29", port = 8080, env = { GREETING = "hello" }, health_path = "/", command = null }
  scaling             = { min = 1, max = 1 }
  deletion_protection = false
}

run "the_root_makes_a_site_without_secrets" {
  command = apply

  assert {
    condition     = output.url == "http://192-0-2-7.ip.linodeusercontent.com"
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
    condition     = output.database_password == "made-by-the-service" && issensitive(output.database_password)
    error_message = "The password is not handed on, or shows."
  }
  assert {
    condition = !anytrue([
      for value in [output.url, output.hostname, output.database_host, output.database_port, output.bucket_name, output.network_id, output.dns_records, output.capabilities] : issensitive(value)
    ])
    error_message = "The mark of the secrets has spread to an output that is none."
  }
}
