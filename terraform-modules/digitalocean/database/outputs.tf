output "urn" {
  description = "The cluster, as a project names it."
  value       = digitalocean_database_cluster.this.urn
}

output "host" {
  description = "Host name of the primary in the network."
  value       = digitalocean_database_cluster.this.private_host
}

output "replica_host" {
  description = "Host name of the read replica in the network, or null."
  value       = one(digitalocean_database_replica.this[*].private_host)
}

output "port" {
  description = "TCP port of the primary and of the replica."
  value       = digitalocean_database_cluster.this.port
}

output "name" {
  description = "Name of the database."
  value       = digitalocean_database_db.app.name
}

output "user" {
  description = "Name of the user that owns the cluster."
  value       = digitalocean_database_cluster.this.user
}

output "password" {
  description = "Its password, made by DigitalOcean."
  value       = digitalocean_database_cluster.this.password
  sensitive   = true
}

output "replica_user" {
  description = "Name of the replica's user, or null."
  value       = one(digitalocean_database_replica.this[*].user)
}

output "replica_password" {
  description = "Password of the replica's user, or null."
  value       = one(digitalocean_database_replica.this[*].password)
  sensitive   = true
}

output "storage_gb" {
  description = "Storage that was ordered, in GB."
  value       = local.storage_gb
}
