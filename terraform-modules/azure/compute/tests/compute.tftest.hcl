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
  zones               = ["1", "2", "3"]
  subnet_id           = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/virtualNetworks/shop/subnets/application"
  gateway_subnet_id   = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.Network/virtualNetworks/shop/subnets/gateway"
  instance_type       = "Standard_B2ls_v2"
  scaling             = { min = 2, max = 5 }
  port                = 8080
  health_path         = "/health"
  identity_id         = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop"
  user_data           = "#cloud-config"
  tags                = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

run "instances_are_asked_for_their_health_rolled_and_scaled" {
  command = apply

  assert {
    condition     = azurerm_orchestrated_virtual_machine_scale_set.this.sku_name == "Standard_B2ls_v2" && azurerm_orchestrated_virtual_machine_scale_set.this.upgrade_mode == "Rolling" && azurerm_orchestrated_virtual_machine_scale_set.this.tags == tomap(var.tags)
    error_message = "The scale set is not the one that was asked for."
  }
  assert {
    condition     = jsondecode(one(azurerm_orchestrated_virtual_machine_scale_set.this.extension).settings).requestPath == "/health" && azurerm_lb_probe.this[0].request_path == "/health"
    error_message = "Health is asked for elsewhere."
  }
  assert {
    condition     = azurerm_monitor_autoscale_setting.this.profile[0].capacity[0].minimum == 2 && azurerm_monitor_autoscale_setting.this.profile[0].capacity[0].maximum == 5
    error_message = "The bounds are others."
  }
  assert {
    condition     = azurerm_lb_rule.http[0].frontend_port == 80 && azurerm_lb_rule.http[0].backend_port == 8080 && length(azurerm_application_gateway.this) == 0
    error_message = "Without a certificate something else than port 80 is served."
  }
}

run "a_certificate_brings_a_gateway_that_redirects_80" {
  command = plan

  variables {
    certificate = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/acme/secrets/shop"
    domain      = "shop.example.com"
  }

  assert {
    condition     = length(azurerm_lb.this) == 0 && one(azurerm_application_gateway.this[0].ssl_certificate).key_vault_secret_id == "https://acme.vault.azure.net/secrets/shop"
    error_message = "HTTPS is not served with the certificate."
  }
  assert {
    condition     = one(azurerm_application_gateway.this[0].redirect_configuration).target_listener_name == "https" && azurerm_role_assignment.gateway[0].scope == "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/acme"
    error_message = "Port 80 does not lead to HTTPS, or the gateway can't read the certificate."
  }
}

run "a_type_bounds_and_a_path_that_are_none_are_refused" {
  command = plan

  variables {
    instance_type = "large"
    scaling       = { min = 3, max = 2 }
    health_path   = "health"
  }

  expect_failures = [var.instance_type, var.scaling, var.health_path]
}
