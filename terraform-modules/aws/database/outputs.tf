output "host" {
  description = "Host name of the primary."
  value       = aws_db_instance.this.address
}

output "replica_host" {
  description = "Host name of the read replica, or null."
  value       = one(aws_db_instance.replica[*].address)
}

output "port" {
  description = "TCP port of the primary and of the replica."
  value       = aws_db_instance.this.port
}

output "name" {
  description = "Name of the database."
  value       = aws_db_instance.this.db_name
}

output "user" {
  description = "Name of the user that owns the database."
  value       = aws_db_instance.this.username
}

output "storage_gb" {
  description = "Storage that was ordered, in GB."
  value       = local.storage_gb
}

output "storage_limit_gb" {
  description = "Storage up to which it grows by itself, in GB."
  value       = local.storage_limit_gb
}
