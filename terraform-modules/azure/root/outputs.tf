output "url" {
  description = "Where the site answers: by its domain if it has one, else by the balancer's name."
  value       = module.site.url
}

output "hostname" {
  description = "The balancer's own name."
  value       = module.site.hostname
}

output "ip_address" {
  description = "The balancer's address."
  value       = module.site.ip_address
}

output "database_host" {
  description = "Host name of the database, or null."
  value       = module.site.database_host
}

output "database_port" {
  description = "TCP port of the database, or null."
  value       = module.site.database_port
}

output "database_name" {
  description = "Name of the database, or null."
  value       = module.site.database_name
}

output "database_user" {
  description = "User of the database, or null."
  value       = module.site.database_user
}

output "database_password" {
  description = "Password of the database user, or null: the one that was given."
  value       = module.site.database_password
  sensitive   = true
}

output "bucket_name" {
  description = "Name of the container that is the bucket, or null."
  value       = module.site.bucket_name
}

output "bucket_endpoint" {
  description = "URL of the container, or null."
  value       = module.site.bucket_endpoint
}

output "network_id" {
  description = "Id of the virtual network."
  value       = module.site.network_id
}

output "dns_records" {
  description = "Records that make domain point at the site."
  value       = module.site.dns_records
}

output "capabilities" {
  description = "What Azure does otherwise than asked, by subject, in sentences; known at plan time."
  value       = module.site.capabilities
}
