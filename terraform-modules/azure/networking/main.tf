locals {
  application_cidr = cidrsubnet(var.network_cidr, 2, 0)
  database_cidr    = cidrsubnet(var.network_cidr, 2, 1)
  gateway_cidr     = cidrsubnet(var.network_cidr, 2, 2)

  # A Standard Load Balancer keeps the client's address, so "Internet" is the source the instances see.
  # Behind a gateway they see the gateway's subnet only.
  client_source = var.gateway ? local.gateway_cidr : "Internet"
}

resource "azurerm_virtual_network" "this" {
  name                = "${var.name}-vnet"
  resource_group_name = var.resource_group_name
  location            = var.region
  address_space       = [var.network_cidr]
  tags                = var.tags
}

# Application subnet.

resource "azurerm_subnet" "application" {
  name                            = "application"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [local.application_cidr]
  default_outbound_access_enabled = false
}

resource "azurerm_network_security_group" "application" {
  name                = "${var.name}-application"
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags
}

resource "azurerm_network_security_rule" "application_clients" {
  name                        = "allow-clients"
  description                 = "Site traffic; the port is the one behind the balancer's 80 and 443."
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.application.name
  priority                    = 100
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefix       = local.client_source
  source_port_range           = "*"
  destination_address_prefix  = local.application_cidr
  destination_port_range      = tostring(var.port)
}

resource "azurerm_network_security_rule" "application_probes" {
  name                        = "allow-health-probes"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.application.name
  priority                    = 110
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefix       = "AzureLoadBalancer"
  source_port_range           = "*"
  destination_address_prefix  = local.application_cidr
  destination_port_range      = tostring(var.port)
}

resource "azurerm_network_security_rule" "application_deny" {
  name                        = "deny-everything-else"
  description                 = "Also closes the default rule that lets the whole network in."
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.application.name
  priority                    = 4096
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_address_prefix       = "*"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "*"
}

resource "azurerm_subnet_network_security_group_association" "application" {
  subnet_id                 = azurerm_subnet.application.id
  network_security_group_id = azurerm_network_security_group.application.id

  depends_on = [
    azurerm_network_security_rule.application_clients,
    azurerm_network_security_rule.application_probes,
    azurerm_network_security_rule.application_deny,
  ]
}

# Outgoing traffic.

resource "azurerm_public_ip" "outbound" {
  name                = "${var.name}-outbound"
  resource_group_name = var.resource_group_name
  location            = var.region
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.zones
  tags                = var.tags
}

resource "azurerm_nat_gateway" "this" {
  name                    = "${var.name}-nat"
  resource_group_name     = var.resource_group_name
  location                = var.region
  sku_name                = "Standard"
  idle_timeout_in_minutes = 10
  tags                    = var.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  nat_gateway_id       = azurerm_nat_gateway.this.id
  public_ip_address_id = azurerm_public_ip.outbound.id
}

resource "azurerm_subnet_nat_gateway_association" "application" {
  subnet_id      = azurerm_subnet.application.id
  nat_gateway_id = azurerm_nat_gateway.this.id
}

# Database subnet.

resource "azurerm_subnet" "database" {
  name                            = "database"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [local.database_cidr]
  default_outbound_access_enabled = false

  delegation {
    name = "postgresql"

    service_delegation {
      name    = "Microsoft.DBforPostgreSQL/flexibleServers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }

  # The service adds its storage endpoint to the delegated subnet by itself.
  lifecycle {
    ignore_changes = [service_endpoint]
  }
}

resource "azurerm_network_security_group" "database" {
  name                = "${var.name}-database"
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags
}

resource "azurerm_network_security_rule" "database_application" {
  name                        = "allow-application"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.database.name
  priority                    = 100
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefix       = local.application_cidr
  source_port_range           = "*"
  destination_address_prefix  = local.database_cidr
  destination_port_ranges     = ["5432", "6432"]
}

resource "azurerm_network_security_rule" "database_replication" {
  name                        = "allow-between-servers"
  description                 = "A standby and its primary talk inside the subnet."
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.database.name
  priority                    = 110
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "*"
  source_address_prefix       = local.database_cidr
  source_port_range           = "*"
  destination_address_prefix  = local.database_cidr
  destination_port_range      = "*"
}

resource "azurerm_network_security_rule" "database_deny" {
  name                        = "deny-rest-of-network"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.database.name
  priority                    = 4096
  direction                   = "Inbound"
  access                      = "Deny"
  protocol                    = "*"
  source_address_prefix       = "VirtualNetwork"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "*"
}

resource "azurerm_subnet_network_security_group_association" "database" {
  subnet_id                 = azurerm_subnet.database.id
  network_security_group_id = azurerm_network_security_group.database.id

  depends_on = [
    azurerm_network_security_rule.database_application,
    azurerm_network_security_rule.database_replication,
    azurerm_network_security_rule.database_deny,
  ]
}

# Gateway subnet (only with a certificate).

resource "azurerm_subnet" "gateway" {
  count = var.gateway ? 1 : 0

  name                 = "gateway"
  resource_group_name  = var.resource_group_name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = [local.gateway_cidr]
}

resource "azurerm_network_security_group" "gateway" {
  count = var.gateway ? 1 : 0

  name                = "${var.name}-gateway"
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags
}

resource "azurerm_network_security_rule" "gateway_clients" {
  count = var.gateway ? 1 : 0

  name                        = "allow-web"
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.gateway[0].name
  priority                    = 100
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefix       = "Internet"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_ranges     = ["80", "443"]
}

resource "azurerm_network_security_rule" "gateway_manager" {
  count = var.gateway ? 1 : 0

  name                        = "allow-gateway-manager"
  description                 = "Application Gateway v2 refuses a subnet that closes these ports to the platform."
  resource_group_name         = var.resource_group_name
  network_security_group_name = azurerm_network_security_group.gateway[0].name
  priority                    = 110
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefix       = "GatewayManager"
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "65200-65535"
}

resource "azurerm_subnet_network_security_group_association" "gateway" {
  count = var.gateway ? 1 : 0

  subnet_id                 = azurerm_subnet.gateway[0].id
  network_security_group_id = azurerm_network_security_group.gateway[0].id

  depends_on = [
    azurerm_network_security_rule.gateway_clients,
    azurerm_network_security_rule.gateway_manager,
  ]
}
