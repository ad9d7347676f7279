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

# Run once with each of ../site/examples/*.tfvars.
run "an_example_applies" {
  command = apply

  assert {
    condition     = startswith(output.url, "http") && output.database_host != null && output.bucket_name != null
    error_message = "The example's site lacks a part."
  }
}
