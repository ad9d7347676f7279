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
  account_name        = "shop000000000001"
  container_name      = "shop"
  resource_group_name = "shop-00000001"
  region              = "westeurope"
  replication         = "ZRS"
  versioning          = true
  principal_id        = "22222222-2222-4222-8222-222222222222"
  deletion_protection = false
  tags                = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

run "the_account_is_closed_and_only_the_application_is_let_in" {
  command = apply

  assert {
    condition     = azurerm_storage_account.this.min_tls_version == "TLS1_2" && !azurerm_storage_account.this.allow_nested_items_to_be_public && !azurerm_storage_account.this.shared_access_key_enabled && azurerm_storage_container.this.container_access_type == "private"
    error_message = "The account is open, or takes old TLS or keys."
  }
  assert {
    condition     = azurerm_role_assignment.reader_writer.role_definition_name == "Storage Blob Data Contributor" && azurerm_role_assignment.reader_writer.principal_id == var.principal_id
    error_message = "The application is not let in, or another is."
  }
  assert {
    condition     = azurerm_storage_account.this.blob_properties[0].versioning_enabled && azurerm_storage_account.this.tags == tomap(var.tags) && output.bucket_endpoint == "https://shop000000000001.blob.core.windows.net/shop"
    error_message = "Versions, tags or address are others."
  }
}

run "a_protected_account_is_locked_and_keeps_what_was_deleted" {
  command = plan

  variables {
    deletion_protection = true
  }

  assert {
    condition     = azurerm_management_lock.this[0].lock_level == "CanNotDelete" && azurerm_storage_account.this.blob_properties[0].delete_retention_policy[0].days == 14
    error_message = "A protected account can be deleted, or forgets at once."
  }
}

run "names_and_replication_that_are_none_are_refused" {
  command = plan

  variables {
    account_name   = "Shop-1"
    container_name = "a--b"
    replication    = "GRS"
  }

  expect_failures = [var.account_name, var.container_name, var.replication]
}
