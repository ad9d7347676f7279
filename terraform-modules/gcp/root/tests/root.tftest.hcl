# Values of a shape that the provider's own checks take.
mock_provider "google" {
  mock_resource "google_compute_network" {
    defaults = { id = "projects/acme-web/global/networks/shop-00000001" }
  }
  mock_resource "google_service_account" {
    defaults = {
      email  = "shop-00000001@acme-web.iam.gserviceaccount.com"
      member = "serviceAccount:shop-00000001@acme-web.iam.gserviceaccount.com"
    }
  }
  mock_resource "google_compute_region_instance_template" {
    defaults = { self_link = "https://www.googleapis.com/compute/v1/projects/acme-web/regions/europe-west3/instanceTemplates/shop-1" }
  }
  mock_resource "google_compute_region_instance_group_manager" {
    defaults = { instance_group = "https://www.googleapis.com/compute/v1/projects/acme-web/regions/europe-west3/instanceGroups/shop-00000001" }
  }
  mock_resource "google_compute_global_address" {
    defaults = { address = "203.0.113.7" }
  }
  mock_resource "google_sql_database_instance" {
    defaults = { private_ip_address = "10.20.128.3" }
  }
  mock_resource "google_storage_bucket" {
    defaults = { self_link = "https://www.googleapis.com/storage/v1/b/shop-000000000001" }
  }
}

variables {
  site_id             = "2f1c8a90-0000-4000-8000-000000000001"
  site_name           = "shop"
  customer_id         = "7d0e2b34-0000-4000-8000-000000000002"
  region              = "europe-west3"
  size                = "small"
  application         = { image = "nginx:1.29", port = 8080, env = { GREETING = "hello" }, health_path = "/", command = null }
  scaling             = { min = 1, max = 1 }
  deletion_protection = false
}

run "the_root_makes_a_site_without_secrets" {
  command = apply

  assert {
    condition     = output.url == "http://203.0.113.7"
    error_message = "The root does not hand the site's outputs on."
  }
}

run "secrets_are_marked_and_nothing_else_is" {
  command = apply

  variables {
    application_secrets = { API_KEY = "hunter2" }
    registry            = { server = "ghcr.io", username = "acme", password = "hunter2" }
    database            = { storage_gb = 20, high_availability = false, backup_days = 7, engine_version = 16, read_replica = false }
    database_password   = "correct-horse-battery"
    storage             = { versioning = true }
  }

  assert {
    condition     = output.database_password == "correct-horse-battery" && issensitive(output.database_password)
    error_message = "The password is not handed on, or shows."
  }
  assert {
    condition = !anytrue([
      for value in [output.url, output.hostname, output.database_host, output.database_port, output.bucket_name, output.network_id, output.dns_records, output.capabilities] : issensitive(value)
    ])
    error_message = "The mark of the secrets has spread to an output that is none."
  }
}
