output "host" {
  description = "Private address of the primary."
  value       = google_sql_database_instance.this.private_ip_address
}

output "replica_host" {
  description = "Private address of the read replica, or null."
  value       = one(google_sql_database_instance.replica[*].private_ip_address)
}

output "port" {
  description = "TCP port of the primary and of the replica."
  value       = 5432
}

output "name" {
  description = "Name of the database."
  value       = google_sql_database.this.name
}

output "user" {
  description = "Name of the user that may do everything in the database."
  value       = google_sql_user.this.name
}

output "storage_limit_gb" {
  description = "Storage up to which it grows by itself, in GB."
  value       = local.storage_limit_gb
}

output "point_in_time_days" {
  description = "Days that recovery to a point in time goes back."
  value       = local.point_in_time_days
}
