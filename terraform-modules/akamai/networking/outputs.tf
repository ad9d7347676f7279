output "network_id" {
  description = "Id of the VPC."
  value       = linode_vpc.this.id
}

output "subnet_id" {
  description = "Id of its subnet."
  value       = linode_vpc_subnet.this.id
}

output "firewall_id" {
  description = "Id of the instances' firewall."
  value       = linode_firewall.web.id
}
