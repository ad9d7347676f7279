output "ip_address" {
  description = "Address of the balancer."
  value       = digitalocean_loadbalancer.this.ip
}

output "balancer_urn" {
  description = "The balancer, as a project names it."
  value       = digitalocean_loadbalancer.this.urn
}

output "droplet_urns" {
  description = "The single Droplets, as a project names them; those of a pool are not listed."
  value       = digitalocean_droplet.web[*].urn
}
