output "network_id" {
  description = "Id of the network."
  value       = google_compute_network.this.id
}

output "instance_subnetwork_id" {
  description = "The instances' subnetwork once it has its way to the internet: instances install packages when they start."
  value       = google_compute_subnetwork.instances.id
  depends_on  = [google_compute_router_nat.this]
}

output "services_network_id" {
  description = "The network once managed services can have addresses in it."
  value       = google_compute_network.this.id
  depends_on  = [google_service_networking_connection.services]
}

output "services_range_name" {
  description = "Name of the managed services' range, or null."
  value       = one(google_compute_global_address.services[*].name)
}

output "services_range_is_inside" {
  description = "Whether the managed services' range is part of network_cidr."
  value       = local.services_cidr != null
}
