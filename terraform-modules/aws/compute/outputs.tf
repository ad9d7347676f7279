output "hostname" {
  description = "The balancer's own name."
  value       = aws_lb.this.dns_name
}

output "instance_role" {
  description = "Name of the role that the instances have."
  value       = aws_iam_role.web.name
}
