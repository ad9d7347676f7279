output "bucket_name" {
  description = "Name of the bucket."
  value       = google_storage_bucket.this.name
}

output "bucket_endpoint" {
  description = "URL of the bucket in Google's JSON API."
  value       = google_storage_bucket.this.self_link
}
