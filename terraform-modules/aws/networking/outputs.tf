output "network_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "The public subnets once they have their way to the internet."
  value       = aws_subnet.public[*].id
  depends_on  = [aws_route.public, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "The private subnets, for what needs no way out: the database."
  value       = aws_subnet.private[*].id
}

output "instance_subnet_ids" {
  description = "The private subnets once they have their way to the internet: instances install packages when they start."
  value       = aws_subnet.private[*].id
  depends_on  = [aws_route.private, aws_route_table_association.private]
}

output "balancer_security_group_id" {
  description = "Open to everywhere on 80, and on 443 with https."
  value       = aws_security_group.balancer.id
}

output "web_security_group_id" {
  description = "Open to the balancer on the application's port."
  value       = aws_security_group.web.id
}

output "database_security_group_id" {
  description = "Open to the instances on 5432."
  value       = aws_security_group.database.id
}
