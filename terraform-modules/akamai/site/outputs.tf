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
  description = "Password of the database user, or null: the one that the service made."
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
  description = "What Akamai does otherwise than asked, by subject, in sentences; known at plan time."
  value = {
    networking = tolist([])
    compute = tolist(concat(
      var.scaling.max > var.scaling.min ? ["There are always ${var.scaling.min} instances, and never ${var.scaling.max}: Akamai does not scale by load."] : [],
      var.certificate == null ? [] : ["A NodeBalancer can't redirect: port 80 serves the site too, and the application redirects by X-Forwarded-Proto."],
      ["Instances have public addresses for what goes out; the firewall lets nothing in from outside the network."],
    ))
    database = var.database == null ? tolist([]) : tolist(concat(
      ["Storage comes with the size: a disk of ${local.size.database_disk_gb} GB, less what the system takes."],
      ["Backups are kept as long as the service does, not ${var.database.backup_days} days."],
      var.database.read_replica ? ["The read replica is a standby of a cluster of three."] : [],
      ["The service makes the password itself."],
      var.deletion_protection ? ["The database can't be protected from deletion."] : [],
    ))
    storage = var.storage == null ? tolist([]) : tolist(
      var.storage.versioning ? ["Versions that were overwritten or deleted are kept for 90 days."] : []
    )
    tags = tolist(["Network, database and bucket have no tags; their labels have the site's name and id."])
  }
}
