output "account_name" {
  description = "Name of the account."
  value       = azurerm_storage_account.this.name
}

output "bucket_name" {
  description = "Name of the container; the account stands one level above it."
  value       = azurerm_storage_container.this.name
}

output "bucket_endpoint" {
  description = "URL of the container."
  value       = "${azurerm_storage_account.this.primary_blob_endpoint}${azurerm_storage_container.this.name}"
}
