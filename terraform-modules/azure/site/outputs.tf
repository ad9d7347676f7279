output "url" {
  description = "Where the site answers: by its domain if it has one, else by the balancer's name."
  value       = "${var.certificate == null ? "http" : "https"}://${coalesce(var.domain, module.compute.hostname)}"
}

output "hostname" {
  description = "The balancer's own name."
  value       = module.compute.hostname
}

output "ip_address" {
  description = "The balancer's address."
  value       = module.compute.ip_address
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
  description = "Name of the container that is the bucket, or null."
  value       = one(module.storage[*].bucket_name)
}

output "bucket_endpoint" {
  description = "URL of the container, or null."
  value       = one(module.storage[*].bucket_endpoint)
}

output "network_id" {
  description = "Id of the virtual network."
  value       = module.networking.network_id
}

output "dns_records" {
  description = "Records that make domain point at the site."
  value       = [for name in var.domain[*] : { name = name, type = "A", value = module.compute.ip_address }]
}

output "capabilities" {
  description = "What Azure does otherwise than asked, by subject, in sentences; known at plan time."
  value = {
    networking = tolist(concat(
      local.zonal ? [] : ["${var.region} has no availability zones."],
      ["The NAT gateway is in one zone."],
    ))
    compute = tolist(
      var.certificate == null ? [] : ["An Application Gateway serves HTTPS in place of the load balancer; the address changes when a certificate is added or removed."]
    )
    database = var.database == null ? tolist([]) : tolist(concat(
      local.storage_gb == var.database.storage_gb ? [] : ["Storage is ${local.storage_gb} GB, not ${var.database.storage_gb} GB: Azure sells fixed sizes."],
      local.backup_days == var.database.backup_days ? [] : ["Backups are kept ${local.backup_days} days, not ${var.database.backup_days}: 7 is the least."],
      local.database_type == local.size.database ? [] : ["The database is ${local.database_type}: the burstable type of this size can have neither standby nor replica."],
      var.database.high_availability && !local.zonal ? ["The standby is in the same place as the server: ${var.region} has no zones."] : [],
      var.deletion_protection ? ["Deletion is refused by a management lock and a guard in Terraform: the server has no setting for it."] : [],
    ))
    storage = var.storage == null ? tolist([]) : tolist(concat(
      ["The bucket is a Blob container, without an S3 API."],
      local.zonal ? [] : ["The objects are in one place: ${var.region} has no zones."],
      var.deletion_protection ? ["Deletion is refused by a management lock and a guard in Terraform: the account has no setting for it."] : [],
    ))
    tags = tolist(["Subnets, rules, associations, role assignments and the container have no tags; the resource group holds all that belongs to the site."])
  }
}
