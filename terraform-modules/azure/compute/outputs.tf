output "hostname" {
  description = "The balancer's own name."
  value       = local.gateway ? one(azurerm_public_ip.gateway[*].fqdn) : one(azurerm_public_ip.balancer[*].fqdn)
}

output "ip_address" {
  description = "The balancer's address."
  value       = local.gateway ? one(azurerm_public_ip.gateway[*].ip_address) : one(azurerm_public_ip.balancer[*].ip_address)
}
