output "ip_address" {
  description = "The balancer's address."
  value       = google_compute_global_address.balancer.address
}

output "service_account" {
  description = "Address of the service account that the instances have."
  value       = google_service_account.instances.email
}
