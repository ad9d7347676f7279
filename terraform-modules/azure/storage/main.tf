resource "azurerm_storage_account" "this" {
  name                     = var.account_name
  resource_group_name      = var.resource_group_name
  location                 = var.region
  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = var.replication
  access_tier              = "Hot"

  min_tls_version                 = "TLS1_2"
  https_traffic_only_enabled      = true
  allow_nested_items_to_be_public = false
  default_to_oauth_authentication = true
  shared_access_key_enabled       = false
  local_user_enabled              = false

  blob_properties {
    versioning_enabled = var.versioning

    dynamic "delete_retention_policy" {
      for_each = var.deletion_protection ? [14] : []

      content {
        days = delete_retention_policy.value
      }
    }

    dynamic "container_delete_retention_policy" {
      for_each = var.deletion_protection ? [14] : []

      content {
        days = container_delete_retention_policy.value
      }
    }
  }

  tags = var.tags
}

resource "azurerm_storage_container" "this" {
  name                  = var.container_name
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

resource "azurerm_role_assignment" "reader_writer" {
  scope                = azurerm_storage_container.this.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = var.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_management_lock" "this" {
  count = var.deletion_protection ? 1 : 0

  name       = "${var.account_name}-no-delete"
  scope      = azurerm_storage_account.this.id
  lock_level = "CanNotDelete"
  notes      = "Deletion protection of a site's objects."
}

# As for the database: the lock stops everybody except the Terraform run that owns it.
resource "terraform_data" "deletion_guard" {
  input            = var.deletion_protection
  triggers_replace = azurerm_storage_account.this.id

  provisioner "local-exec" {
    when    = destroy
    command = "test '${self.input}' = 'false' || { echo 'deletion protection is on for this storage account' >&2; exit 1; }"
  }

  depends_on = [
    azurerm_management_lock.this,
    azurerm_storage_container.this,
    azurerm_role_assignment.reader_writer,
  ]
}
