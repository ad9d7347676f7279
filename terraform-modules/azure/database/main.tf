# The zone must end in this suffix and must not be the server's own name.
resource "azurerm_private_dns_zone" "this" {
  name                = "${var.name}.private.postgres.database.azure.com"
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  name                = "${var.name}-link"
  private_dns_zone_id = azurerm_private_dns_zone.this.id
  virtual_network_id  = var.network_id
  tags                = var.tags
}

resource "azurerm_postgresql_flexible_server" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.region
  version             = tostring(var.engine_version)
  sku_name            = var.server_type

  administrator_login    = "siteplane"
  administrator_password = var.password

  delegated_subnet_id           = var.subnet_id
  private_dns_zone_id           = azurerm_private_dns_zone.this.id
  public_network_access_enabled = false

  # Growth by itself would leave storage_mb behind, and a smaller storage_mb replaces the server.
  storage_mb        = var.storage_gb * 1024
  auto_grow_enabled = false

  backup_retention_days        = var.backup_days
  geo_redundant_backup_enabled = false

  dynamic "high_availability" {
    for_each = var.standby == null ? [] : [var.standby]

    content {
      mode = high_availability.value
    }
  }

  maintenance_window {
    day_of_week  = 0
    start_hour   = 3
    start_minute = 0
  }

  tags = var.tags

  # A failover swaps the zones; that is not a change to undo.
  lifecycle {
    ignore_changes = [zone, high_availability[0].standby_availability_zone]
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.this]
}

resource "azurerm_postgresql_flexible_server_database" "this" {
  name      = "app"
  server_id = azurerm_postgresql_flexible_server.this.id
  charset   = "UTF8"
  collation = "en_US.utf8"
}

# Engine, user and password come from the primary.
resource "azurerm_postgresql_flexible_server" "replica" {
  count = var.read_replica ? 1 : 0

  name                = "${var.name}-replica"
  resource_group_name = var.resource_group_name
  location            = var.region
  create_mode         = "Replica"
  source_server_id    = azurerm_postgresql_flexible_server.this.id
  sku_name            = var.server_type

  delegated_subnet_id           = var.subnet_id
  private_dns_zone_id           = azurerm_private_dns_zone.this.id
  public_network_access_enabled = false

  storage_mb        = var.storage_gb * 1024
  auto_grow_enabled = false

  tags = var.tags

  lifecycle {
    ignore_changes = [zone]
  }
}

# Azure's own protection: nobody deletes the server while the lock exists.
resource "azurerm_management_lock" "this" {
  count = var.deletion_protection ? 1 : 0

  name       = "${var.name}-no-delete"
  scope      = azurerm_postgresql_flexible_server.this.id
  lock_level = "CanNotDelete"
  notes      = "Deletion protection of a site's database."
}

# Terraform would remove the lock first and then the server, so it has to refuse by itself.
# Set deletion_protection = false and apply before a destroy.
# A server about to be replaced takes its guard with it, so that is refused as well.
resource "terraform_data" "deletion_guard" {
  input            = var.deletion_protection
  triggers_replace = azurerm_postgresql_flexible_server.this.id

  provisioner "local-exec" {
    when    = destroy
    command = "test '${self.input}' = 'false' || { echo 'deletion protection is on for this database' >&2; exit 1; }"
  }

  depends_on = [
    azurerm_management_lock.this,
    azurerm_postgresql_flexible_server_database.this,
  ]
}
