output "network_id" {
  description = "Id of the VPC."
  value       = digitalocean_vpc.this.id
}

output "site_tag" {
  description = "The site's tag, once it is there and guarded by the firewall."
  value       = digitalocean_tag.site.name
  depends_on  = [digitalocean_firewall.this]
}
