output "host" {
  description = "Host name of the primary."
  value       = linode_database_postgresql_v2.this.host_primary
}

output "standby_host" {
  description = "Host name of a standby, which answers reads; of use with three nodes only."
  value       = linode_database_postgresql_v2.this.host_standby
}

output "port" {
  description = "TCP port of all nodes."
  value       = linode_database_postgresql_v2.this.port
}

output "name" {
  description = "Name of the one database that the service makes."
  value       = "defaultdb"
}

output "user" {
  description = "Name of the user that owns it."
  value       = nonsensitive(linode_database_postgresql_v2.this.root_username)
}

output "password" {
  description = "Its password, made by the service."
  value       = linode_database_postgresql_v2.this.root_password
  sensitive   = true
}
