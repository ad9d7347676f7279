output "url" {
  description = "Where the site answers: by its domain if it has one, else by the balancer's address."
  value       = "${var.certificate == null ? "http" : "https"}://${coalesce(var.domain, module.compute.ip_address)}"
}

output "hostname" {
  description = "Always null: a balancer of DigitalOcean has an address only."
  value       = null
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
  description = "Password of the database user, or null: the one that DigitalOcean made."
  value       = one(module.database[*].password)
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
  description = "Records that make domain point at the site."
  value       = [for name in var.domain[*] : { name = name, type = "A", value = module.compute.ip_address }]
}

output "capabilities" {
  description = "What DigitalOcean does otherwise than asked, by subject, in sentences; known at plan time."
  value = {
    networking = tolist(["No two networks of an account may overlap, so each site needs a range of its own."])
    compute = tolist(concat(
      var.scaling.max > var.scaling.min && !local.autoscale ? ["There are always ${var.scaling.min} Droplets, and never ${var.scaling.max}: DigitalOcean scales only with an SSH key in the account's options."] : [],
      ["Droplets have public addresses for what goes out; the firewall lets nothing in from outside the network."],
    ))
    database = var.database == null ? [] : concat(
      var.database.backup_days == 7 ? [] : ["Backups are kept 7 days, not ${var.database.backup_days}."],
      module.database[0].storage_gb == var.database.storage_gb ? [] : ["Storage is ${module.database[0].storage_gb} GB, not ${var.database.storage_gb} GB: DigitalOcean has a minimum for each size, and steps of 10."],
      ["DigitalOcean makes the password itself."],
      var.deletion_protection ? ["The database can't be protected from deletion."] : [],
    )
    storage = var.storage == null ? [] : concat(
      module.storage[0].region == var.region ? [] : ["The bucket is in ${module.storage[0].region}: there is no Spaces in ${var.region}."],
      var.storage.versioning ? ["Versions that were overwritten or deleted are kept for 90 days."] : [],
    )
    tags = tolist(["Network, balancer, project and bucket have no tags; the project holds all that belongs to the site."])
  }
}
