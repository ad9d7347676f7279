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

# Run once with each of ../site/examples/*.tfvars.
run "an_example_applies" {
  command = apply

  variables {
    database_password = "correct-horse-battery"
  }

  assert {
    condition     = startswith(output.url, "http") && output.database_host != null && output.bucket_name != null
    error_message = "The example's site lacks a part."
  }
}
