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
  site_id             = "2f1c8a90-0000-4000-8000-000000000001"
  site_name           = "shop"
  customer_id         = "7d0e2b34-0000-4000-8000-000000000002"
  region              = "westeurope"
  size                = "small"
  application         = { image = "nginx:1.29", port = 8080, env = { GREETING = "hello" }, health_path = "/", command = null }
  scaling             = { min = 1, max = 1 }
  deletion_protection = false
}

run "the_root_makes_a_site_without_secrets" {
  command = apply

  assert {
    condition     = output.url == "http://shop.westeurope.cloudapp.azure.com"
    error_message = "The root does not hand the site's outputs on."
  }
}

run "secrets_are_marked_and_nothing_else_is" {
  command = apply

  variables {
    application_secrets = { API_KEY = "hunter2" }
    registry            = { server = "ghcr.io", username = "acme", password = "hunter2" }
    database            = { storage_gb = 20, high_availability = false, backup_days = 7, engine_version = 16, read_replica = false }
    database_password   = "Correct-horse-battery-1"
    storage             = { versioning = true }
  }

  assert {
    condition     = output.database_password == "Correct-horse-battery-1" && issensitive(output.database_password)
    error_message = "The password is not handed on, or shows."
  }
  assert {
    condition = !anytrue([
      for value in [output.url, output.hostname, output.database_host, output.database_port, output.bucket_name, output.network_id, output.dns_records, output.capabilities] : issensitive(value)
    ])
    error_message = "The mark of the secrets has spread to an output that is none."
  }
}
