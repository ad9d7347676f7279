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
  site_id     = "2f1c8a90-0000-4000-8000-000000000001"
  site_name   = "shop"
  customer_id = "7d0e2b34-0000-4000-8000-000000000002"
  region      = "de-fra-2"
  size        = "small"
  application = {
    image       = "nginx:1.29"
    port        = 8080
    env         = { GREETING = "hello" }
    secrets     = { API_KEY = "hunter2" }
    health_path = "/"
    command     = null
    registry    = null
  }
  scaling             = { min = 1, max = 1 }
  deletion_protection = false
}

run "a_site_of_an_application_alone_has_neither_database_nor_bucket" {
  command = apply

  assert {
    condition     = output.url == "http://192-0-2-7.ip.linodeusercontent.com" && output.hostname == "192-0-2-7.ip.linodeusercontent.com" && output.ip_address == "192.0.2.7"
    error_message = "The site does not answer by the balancer's name."
  }
  assert {
    condition     = alltrue([for value in [output.database_host, output.database_port, output.database_name, output.database_user, output.database_password, output.bucket_name, output.bucket_endpoint] : value == null])
    error_message = "There is a database or a bucket that nobody asked for."
  }
  assert {
    condition     = output.dns_records == [] && length(output.capabilities.database) == 0 && length(output.capabilities.storage) == 0
    error_message = "Records or differences are told where there are none."
  }
}

run "a_database_and_a_bucket_have_coordinates" {
  command = apply

  variables {
    database = { storage_gb = 50, high_availability = true, backup_days = 7, engine_version = 16, read_replica = true }
    storage  = { versioning = true }
  }

  assert {
    condition     = output.database_host == "private-shop.g2a.akamaidb.net" && output.database_port == 15432 && output.database_name == "defaultdb" && output.database_user == "akmadmin" && output.database_password == "made-by-the-service"
    error_message = "The database's coordinates are not those that work."
  }
  assert {
    condition     = output.bucket_name == "shop-000000000001" && output.bucket_endpoint == "https://shop-000000000001.de-fra-2.linodeobjects.com"
    error_message = "The bucket's coordinates are not those that work."
  }
  assert {
    condition     = issensitive(output.database_password) && !issensitive(output.database_host) && !issensitive(output.url)
    error_message = "The password shows, or its mark has spread."
  }
}

run "a_domain_with_a_certificate_is_https_and_one_record" {
  command = apply

  variables {
    domain      = "shop.example.com"
    certificate = "shop-2026"
    provider_options = {
      certificate_pem     = "-----BEGIN CERTIFICATE-----"
      certificate_key_pem = "-----BEGIN PRIVATE KEY-----"
    }
  }

  assert {
    condition     = output.url == "https://shop.example.com"
    error_message = "The site does not answer by its domain over HTTPS."
  }
  assert {
    condition     = output.dns_records == [{ name = "shop.example.com", type = "A", value = "192.0.2.7" }]
    error_message = "The record does not lead from the domain to the balancer."
  }
}

run "what_akamai_does_otherwise_is_known_at_plan_time" {
  command = plan

  variables {
    site_id             = "2f1c8a90-0000-4000-8000-000000000009"
    scaling             = { min = 2, max = 4 }
    database            = { storage_gb = 10, high_availability = false, backup_days = 30, engine_version = 14, read_replica = true }
    storage             = { versioning = true }
    deletion_protection = true
  }

  assert {
    condition = output.capabilities.compute == tolist([
      "There are always 2 instances, and never 4: Akamai does not scale by load.",
      "Instances have public addresses for what goes out; the firewall lets nothing in from outside the network.",
    ])
    error_message = "The instances' differences are not told."
  }
  assert {
    condition = output.capabilities.database == tolist([
      "Storage comes with the size: a disk of 50 GB, less what the system takes.",
      "Backups are kept as long as the service does, not 30 days.",
      "The read replica is a standby of a cluster of three.",
      "The service makes the password itself.",
      "The database can't be protected from deletion.",
    ])
    error_message = "The database's differences are not told."
  }
  assert {
    condition     = output.capabilities.storage == tolist(["Versions that were overwritten or deleted are kept for 90 days."])
    error_message = "The bucket's differences are not told."
  }
}

run "the_longest_values_are_taken" {
  command = plan

  variables {
    site_name    = "a--longest-name-that-32-chars-be"
    network_cidr = "192.168.127.0/24"
    size         = "xlarge"
    scaling      = { min = 50, max = 50 }
    application = {
      image       = "registry.example.com:5000/team/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
      port        = 65535
      env         = {}
      secrets     = { TOKEN = replace(format("%6000s", ""), " ", "s") }
      health_path = "/health?deep=1"
      command     = "serve --quiet"
      registry    = { server = "registry.example.com:5000", username = "acme", password = "hunter2" }
    }
    database = { storage_gb = 320, high_availability = true, backup_days = 35, engine_version = 17, read_replica = true }
    storage  = { versioning = false }
    tags     = { team = "shop", cost-centre = "4711" }
  }

  assert {
    condition     = output.bucket_name == "a-longest-name-that-000000000001"
    error_message = "The bucket's name is not made of the site's name and id."
  }
}

run "names_that_are_none_are_refused" {
  command = plan

  variables {
    site_id     = "2F1C8A90-0000-4000-8000-000000000001"
    site_name   = "1shop"
    customer_id = "acme"
    region      = "Frankfurt"
    size        = "tiny"
    domain      = "Shop.example.com."
  }

  expect_failures = [var.site_id, var.site_name, var.customer_id, var.region, var.size, var.domain]
}

run "a_public_network_is_refused" {
  command = plan

  variables {
    network_cidr = "8.8.0.0/16"
  }

  expect_failures = [var.network_cidr]
}

run "a_network_with_host_bits_is_refused" {
  command = plan

  variables {
    network_cidr = "10.20.1.0/16"
  }

  expect_failures = [var.network_cidr]
}

run "a_network_smaller_than_24_is_refused" {
  command = plan

  variables {
    network_cidr = "10.20.0.0/25"
  }

  expect_failures = [var.network_cidr]
}

run "fewer_instances_at_most_than_at_least_are_refused" {
  command = plan

  variables {
    scaling = { min = 3, max = 2 }
  }

  expect_failures = [var.scaling]
}

run "more_than_fifty_instances_are_refused" {
  command = plan

  variables {
    scaling = { min = 1, max = 51 }
  }

  expect_failures = [var.scaling]
}

run "an_old_engine_and_small_storage_are_refused" {
  command = plan

  variables {
    database = { storage_gb = 9, high_availability = false, backup_days = 0, engine_version = 13, read_replica = false }
  }

  expect_failures = [var.database]
}

run "too_much_environment_is_refused_at_plan_time" {
  command = plan

  variables {
    application = {
      image       = "nginx:1.29"
      port        = 8080
      env         = {}
      secrets     = { TOKEN = replace(format("%6200s", ""), " ", "s") }
      health_path = "/"
      command     = null
      registry    = null
    }
  }

  expect_failures = [var.application]
}

run "an_image_with_a_shell_in_it_is_refused" {
  command = plan

  variables {
    application = { image = "nginx$(id)", port = 8080, env = {}, secrets = {}, health_path = "/", command = null, registry = null }
  }

  expect_failures = [var.application]
}

run "the_port_of_ssh_is_refused" {
  command = plan

  variables {
    application = { image = "nginx", port = 22, env = {}, secrets = {}, health_path = "/", command = null, registry = null }
  }

  expect_failures = [var.application]
}

run "a_secret_with_a_line_break_is_refused" {
  command = plan

  variables {
    application = { image = "nginx", port = 80, env = {}, secrets = { KEY = "one\ntwo" }, health_path = "/", command = null, registry = null }
  }

  expect_failures = [var.application]
}

run "a_registry_with_a_scheme_is_refused" {
  command = plan

  variables {
    application = { image = "nginx", port = 80, env = {}, secrets = {}, health_path = "/", command = null, registry = { server = "https://ghcr.io", username = "acme", password = "hunter2" } }
  }

  expect_failures = [var.application]
}

run "a_health_path_without_a_slash_is_refused" {
  command = plan

  variables {
    application = { image = "nginx", port = 80, env = {}, secrets = {}, health_path = "health", command = null, registry = null }
  }

  expect_failures = [var.application]
}

run "tags_that_siteplane_sets_itself_are_refused" {
  command = plan

  variables {
    tags = { managed_by = "somebody" }
  }

  expect_failures = [var.tags]
}

run "tags_with_capitals_are_refused" {
  command = plan

  variables {
    tags = { Team = "shop" }
  }

  expect_failures = [var.tags]
}

run "a_domain_without_a_certificate_is_refused" {
  command = plan

  variables {
    domain      = "shop.example.com"
    certificate = null
  }

  expect_failures = [var.certificate]
}

run "a_network_that_akamai_uses_itself_is_refused" {
  command = plan

  variables {
    network_cidr = "192.168.128.0/20"
  }

  expect_failures = [var.network_cidr]
}

run "more_storage_than_the_size_has_is_refused" {
  command = plan

  variables {
    database = { storage_gb = 51, high_availability = false, backup_days = 7, engine_version = 16, read_replica = false }
  }

  expect_failures = [var.database]
}

run "a_tag_of_more_than_fifty_characters_is_refused" {
  command = plan

  variables {
    tags = { team = "a-team-with-a-name-that-is-much-longer-than-words-may-be" }
  }

  expect_failures = [var.tags]
}

run "a_certificate_without_its_pem_is_refused" {
  command = plan

  variables {
    certificate = "shop-2026"
  }

  expect_failures = [var.certificate]
}

run "a_key_that_is_no_pem_is_refused" {
  command = plan

  variables {
    provider_options = { certificate_key_pem = "hunter2" }
  }

  expect_failures = [var.provider_options]
}

run "a_certificate_that_is_none_is_refused" {
  command = plan

  variables {
    domain      = "shop.example.com"
    certificate = "a name\nof two lines"
  }

  expect_failures = [var.certificate]
}
