output "urn" {
  description = "The bucket, as a project names it."
  value       = digitalocean_spaces_bucket.this.urn
}

output "bucket_name" {
  description = "Name of the bucket."
  value       = digitalocean_spaces_bucket.this.name
}

output "bucket_endpoint" {
  description = "URL of the bucket in its region."
  value       = "https://${digitalocean_spaces_bucket.this.bucket_domain_name}"
}

output "service_endpoint" {
  description = "URL of Spaces in the bucket's region, as clients want it."
  value       = "https://${digitalocean_spaces_bucket.this.endpoint}"
}

output "region" {
  description = "Region of the bucket."
  value       = local.region
}

output "access_key" {
  description = "Id of the application's key."
  value       = digitalocean_spaces_key.app.access_key
}

output "secret_key" {
  description = "The application's key."
  value       = digitalocean_spaces_key.app.secret_key
  sensitive   = true
}
