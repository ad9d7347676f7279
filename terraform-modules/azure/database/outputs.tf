output "host" {
  description = "Host name of the primary."
  value       = azurerm_postgresql_flexible_server.this.fqdn
}

output "replica_host" {
  description = "Host name of the read replica, or null."
  value       = one(azurerm_postgresql_flexible_server.replica[*].fqdn)
}

output "port" {
  description = "TCP port of the primary and of the replica."
  value       = 5432
}

output "name" {
  description = "Name of the database."
  value       = azurerm_postgresql_flexible_server_database.this.name
}

output "user" {
  description = "Name of the user that owns the server."
  value       = azurerm_postgresql_flexible_server.this.administrator_login
}
