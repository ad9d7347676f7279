output "network_id" {
  description = "Id of the virtual network."
  value       = azurerm_virtual_network.this.id
}

output "application_subnet_id" {
  description = "Subnet of the instances, once it has its rules and its way out."
  value       = azurerm_subnet.application.id

  depends_on = [
    azurerm_subnet_network_security_group_association.application,
    azurerm_subnet_nat_gateway_association.application,
    azurerm_nat_gateway_public_ip_association.this,
  ]
}

output "database_subnet_id" {
  description = "Subnet that is the database service's, once it has its rules."
  value       = azurerm_subnet.database.id
  depends_on  = [azurerm_subnet_network_security_group_association.database]
}

output "gateway_subnet_id" {
  description = "Subnet of the gateway, once it has its rules; null without one."
  value       = one(azurerm_subnet.gateway[*].id)
  depends_on  = [azurerm_subnet_network_security_group_association.gateway]
}
