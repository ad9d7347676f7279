output "hostname" {
  description = "The balancer's own name."
  value       = linode_nodebalancer.this.hostname
}

output "ip_address" {
  description = "The balancer's address."
  value       = linode_nodebalancer.this.ipv4
}
