output "url" {
  description = "Where the site answers: by its domain if it has one, else by the balancer's name."
  value       = "${var.certificate == null ? "http" : "https"}://${coalesce(var.domain, module.compute.hostname)}"
}

output "hostname" {
  description = "The balancer's own name."
  value       = module.compute.hostname
}

output "ip_address" {
  description = "Always null: the addresses of an application load balancer change."
  value       = null
}

output "database_host" {
  description = "Host name of the database, or null."
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
  description = "URL of the bucket, or null."
  value       = one(module.storage[*].bucket_endpoint)
}

output "network_id" {
  description = "Id of the VPC."
  value       = module.networking.network_id
}

output "dns_records" {
  description = "Records that make domain point at the site. At the top of a zone, where DNS allows no CNAME, an ALIAS to the same value."
  value       = [for name in var.domain[*] : { name = name, type = "CNAME", value = module.compute.hostname }]
}

output "capabilities" {
  description = "What AWS does otherwise than asked, by subject, in sentences; known at plan time."
  value = {
    networking = []
    compute    = []
    database = var.database == null ? [] : concat(
      module.database[0].storage_gb == var.database.storage_gb ? [] : ["Storage is ${module.database[0].storage_gb} GB, not ${var.database.storage_gb} GB: AWS has no less."],
      ["Storage that is nearly full grows by itself, up to ${module.database[0].storage_limit_gb} GB."],
    )
    storage = var.storage == null ? [] : var.storage.versioning ? ["Versions that were overwritten or deleted are kept for 90 days."] : []
    tags    = []
  }
}
