# Ids of a shape that the provider's own checks take.
mock_provider "azurerm" {
  mock_resource "azurerm_resource_group" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop" }
  }
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop"
      principal_id = "22222222-2222-4222-8222-222222222222"
      client_id    = "33333333-3333-4333-8333-333333333333"
    }
  }
  mock_resource "azurerm_virtual_network" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/virtualNetworks/shop" }
  }
  mock_resource "azurerm_subnet" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/virtualNetworks/shop/subnets/one" }
  }
  mock_resource "azurerm_network_security_group" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/networkSecurityGroups/shop" }
  }
  mock_resource "azurerm_nat_gateway" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/natGateways/shop" }
  }
  mock_resource "azurerm_public_ip" {
    defaults = {
      id         = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/publicIPAddresses/shop"
      ip_address = "198.51.100.7"
      fqdn       = "shop.westeurope.cloudapp.azure.com"
    }
  }
  mock_resource "azurerm_lb" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/loadBalancers/shop" }
  }
  mock_resource "azurerm_lb_backend_address_pool" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/loadBalancers/shop/backendAddressPools/instances" }
  }
  mock_resource "azurerm_lb_probe" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/loadBalancers/shop/probes/application" }
  }
  mock_resource "azurerm_orchestrated_virtual_machine_scale_set" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Compute/virtualMachineScaleSets/shop" }
  }
  mock_resource "azurerm_private_dns_zone" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/privateDnsZones/shop.private.postgres.database.azure.com" }
  }
  mock_resource "azurerm_postgresql_flexible_server" {
    defaults = {
      id   = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.DBforPostgreSQL/flexibleServers/shop"
      fqdn = "shop.postgres.database.azure.com"
    }
  }
  mock_resource "azurerm_storage_account" {
    defaults = {
      id                    = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/shop"
      primary_blob_endpoint = "https://shop000000000001.blob.core.windows.net/"
    }
  }
  mock_resource "azurerm_storage_container" {
    defaults = { id = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/shop/blobServices/default/containers/shop" }
  }
}

variables {
  site_id     = "2f1c8a90-0000-4000-8000-000000000001"
  site_name   = "shop"
  customer_id = "7d0e2b34-0000-4000-8000-000000000002"
  region      = "westeurope"
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
    condition     = output.url == "http://shop.westeurope.cloudapp.azure.com" && output.hostname == "shop.westeurope.cloudapp.azure.com" && output.ip_address == "198.51.100.7"
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
    database          = { storage_gb = 50, high_availability = true, backup_days = 7, engine_version = 16, read_replica = true }
    database_password = "Correct-horse-battery-1"
    storage           = { versioning = true }
  }

  assert {
    condition     = output.database_host == "shop.postgres.database.azure.com" && output.database_port == 5432 && output.database_name == "app" && output.database_user == "siteplane" && output.database_password == "Correct-horse-battery-1"
    error_message = "The database's coordinates are not those that work."
  }
  assert {
    condition     = output.bucket_name == "shop" && output.bucket_endpoint == "https://shop000000000001.blob.core.windows.net/shop"
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
    certificate = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/acme/secrets/shop"
  }

  assert {
    condition     = output.url == "https://shop.example.com"
    error_message = "The site does not answer by its domain over HTTPS."
  }
  assert {
    condition     = output.dns_records == [{ name = "shop.example.com", type = "A", value = "198.51.100.7" }]
    error_message = "The record does not lead from the domain to the balancer."
  }
}

run "what_azure_does_otherwise_is_known_at_plan_time" {
  command = plan

  variables {
    site_id             = "2f1c8a90-0000-4000-8000-000000000009"
    region              = "westus"
    database            = { storage_gb = 10, high_availability = true, backup_days = 1, engine_version = 13, read_replica = false }
    database_password   = "Correct-horse-battery-1"
    storage             = { versioning = true }
    deletion_protection = true
  }

  assert {
    condition     = output.capabilities.networking == tolist(["westus has no availability zones.", "The NAT gateway is in one zone."])
    error_message = "The network's differences are not told."
  }
  assert {
    condition = output.capabilities.database == tolist([
      "Storage is 32 GB, not 10 GB: Azure sells fixed sizes.",
      "Backups are kept 7 days, not 1: 7 is the least.",
      "The database is GP_Standard_D2ds_v5: the burstable type of this size can have neither standby nor replica.",
      "The standby is in the same place as the server: westus has no zones.",
      "Deletion is refused by a management lock and a guard in Terraform: the server has no setting for it.",
    ])
    error_message = "The database's differences are not told."
  }
  assert {
    condition = output.capabilities.storage == tolist([
      "The bucket is a Blob container, without an S3 API.",
      "The objects are in one place: westus has no zones.",
      "Deletion is refused by a management lock and a guard in Terraform: the account has no setting for it.",
    ])
    error_message = "The bucket's differences are not told."
  }
}

run "the_longest_values_are_taken" {
  command = plan

  variables {
    site_name    = "a--longest-name-that-32-chars-be"
    network_cidr = "192.168.255.0/24"
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
    database          = { storage_gb = 16384, high_availability = true, backup_days = 35, engine_version = 18, read_replica = true }
    database_password = "0123456789abcdEF"
    storage           = { versioning = false }
    tags              = { team = "shop", cost-centre = "4711" }
  }

  assert {
    condition     = output.bucket_name == "a-longest-name-that-32"
    error_message = "The bucket's name is not made of the site's name."
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

run "a_database_without_a_password_is_refused" {
  command = plan

  variables {
    database = { storage_gb = 20, high_availability = false, backup_days = 7, engine_version = 16, read_replica = false }
  }

  expect_failures = [var.database_password]
}

run "a_password_with_a_slash_is_refused" {
  command = plan

  variables {
    database          = { storage_gb = 20, high_availability = false, backup_days = 7, engine_version = 16, read_replica = false }
    database_password = "correct/horse@battery"
  }

  expect_failures = [var.database_password]
}

run "an_old_engine_and_small_storage_are_refused" {
  command = plan

  variables {
    database          = { storage_gb = 9, high_availability = false, backup_days = 0, engine_version = 12, read_replica = false }
    database_password = "Correct-horse-battery-1"
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

run "a_certificate_that_is_none_is_refused" {
  command = plan

  variables {
    domain      = "shop.example.com"
    certificate = "arn:aws:acm:eu-central-1:1:certificate/1"
  }

  expect_failures = [var.certificate]
}

run "a_password_of_two_kinds_of_characters_is_refused" {
  command = plan

  variables {
    database          = { storage_gb = 32, high_availability = false, backup_days = 7, engine_version = 16, read_replica = false }
    database_password = "correct-horse-battery"
  }

  expect_failures = [var.database_password]
}
