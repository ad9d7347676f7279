output "url" {
  description = "Where the site answers: by its domain if it has one, else by the balancer's address."
  value       = "${var.certificate == null ? "http" : "https"}://${coalesce(var.domain, module.compute.ip_address)}"
}

output "hostname" {
  description = "Always null: a balancer of Google Cloud has an address only."
  value       = null
}

output "ip_address" {
  description = "The balancer's address."
  value       = module.compute.ip_address
}

output "database_host" {
  description = "Private address of the database, or null."
  value       = one(module.database[*].host)
}

output "database_port" {
  description = "TCP port of the database, or null."
  value       = one(module.database[*].port)
}

output "database_name" {
  description = "Name of the database, or null."
  value       = one(module.database[*].name)
}

output "database_user" {
  description = "User of the database, or null."
  value       = one(module.database[*].user)
}

output "database_password" {
  description = "Password of the database user, or null: the one that was given."
  value       = var.database == null ? null : var.database_password
  sensitive   = true
}

output "bucket_name" {
  description = "Name of the bucket, or null."
  value       = one(module.storage[*].bucket_name)
}

output "bucket_endpoint" {
  description = "URL of the bucket in Google's JSON API, or null."
  value       = one(module.storage[*].bucket_endpoint)
}

output "network_id" {
  description = "Id of the network."
  value       = module.networking.network_id
}

output "dns_records" {
  description = "Records that make domain point at the site."
  value       = [for name in var.domain[*] : { name = name, type = "A", value = module.compute.ip_address }]
}

output "capabilities" {
  description = "What Google Cloud does otherwise than asked, by subject, in sentences; known at plan time."
  value = {
    networking = var.database == null || module.networking.services_range_is_inside ? [] : ["The database's addresses are outside ${var.network_cidr}: Google's managed services need a /24 of their own."]
    compute    = []
    database = var.database == null ? [] : concat(
      ["Storage that is nearly full grows by itself, up to ${module.database[0].storage_limit_gb} GB."],
      module.database[0].point_in_time_days == var.database.backup_days ? [] : ["Recovery to a point in time goes back ${module.database[0].point_in_time_days} days; older backups, up to ${var.database.backup_days} days, are daily."],
      ["The name of a deleted database stays taken for a week, so a site gets no new database in that time."],
    )
    storage = var.storage == null ? [] : var.storage.versioning ? ["Versions that were overwritten or deleted are kept for 90 days."] : []
    tags    = ["Networks, firewall rules, routers, instance groups, health checks and what the balancer is made of have no labels: their names carry the site's id."]
  }
}
