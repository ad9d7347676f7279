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

# Run once with each of ../site/examples/*.tfvars.
run "an_example_applies" {
  command = apply

  # What TF_VAR_provider_options holds.
  variables {
    provider_options = {
      certificate_pem     = "-----BEGIN CERTIFICATE-----"
      certificate_key_pem = "-----BEGIN PRIVATE KEY-----"
    }
  }

  assert {
    condition     = startswith(output.url, "http") && output.database_host != null && output.bucket_name != null
    error_message = "The example's site lacks a part."
  }
}
