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
  name                = "shop-00000001"
  resource_group_name = "shop-00000001"
  region              = "westeurope"
  network_cidr        = "10.20.0.0/16"
  port                = 8080
  gateway             = false
  zones               = ["1", "2", "3"]
  tags                = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

run "the_network_is_cut_into_parts_and_only_the_port_is_open" {
  command = apply

  assert {
    condition     = azurerm_subnet.application.address_prefixes == tolist(["10.20.0.0/18"]) && azurerm_subnet.database.address_prefixes == tolist(["10.20.64.0/18"]) && length(azurerm_subnet.gateway) == 0
    error_message = "The subnets are others."
  }
  assert {
    condition     = azurerm_network_security_rule.application_clients.destination_port_range == "8080" && azurerm_network_security_rule.application_clients.source_address_prefix == "Internet" && azurerm_network_security_rule.application_deny.access == "Deny"
    error_message = "Something else than the application's port is open."
  }
  assert {
    condition     = azurerm_network_security_rule.database_application.source_address_prefix == "10.20.0.0/18" && azurerm_subnet.database.delegation[0].service_delegation[0].name == "Microsoft.DBforPostgreSQL/flexibleServers"
    error_message = "Others than the instances reach the database, or its subnet is not the service's."
  }
  assert {
    condition     = alltrue([for tagged in [azurerm_virtual_network.this, azurerm_network_security_group.application, azurerm_network_security_group.database, azurerm_public_ip.outbound, azurerm_nat_gateway.this] : tagged.tags == tomap(var.tags)])
    error_message = "A resource lacks the site's tags."
  }
}

run "behind_a_gateway_only_the_gateway_reaches_the_instances" {
  command = plan

  variables {
    gateway = true
  }

  assert {
    condition     = azurerm_network_security_rule.application_clients.source_address_prefix == "10.20.128.0/18" && length(azurerm_subnet.gateway) == 1 && azurerm_network_security_rule.gateway_manager[0].destination_port_range == "65200-65535"
    error_message = "The gateway has no subnet, or others reach the instances."
  }
}

run "a_range_a_port_and_a_name_that_are_none_are_refused" {
  command = plan

  variables {
    network_cidr = "10.20.0.0"
    port         = 0
    name         = "Shop"
  }

  expect_failures = [var.network_cidr, var.port, var.name]
}
