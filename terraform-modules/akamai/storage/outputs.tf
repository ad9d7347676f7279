output "bucket_name" {
  description = "Name of the bucket."
  value       = linode_object_storage_bucket.this.label
}

output "bucket_endpoint" {
  description = "URL of the bucket in its region."
  value       = "https://${linode_object_storage_bucket.this.hostname}"
}

output "service_endpoint" {
  description = "URL of the object storage in the bucket's region, as clients want it."
  value       = "https://${linode_object_storage_bucket.this.s3_endpoint}"
}

output "access_key" {
  description = "Id of the application's key."
  value       = linode_object_storage_key.app.access_key
}

output "secret_key" {
  description = "The application's key."
  value       = linode_object_storage_key.app.secret_key
  sensitive   = true
}
