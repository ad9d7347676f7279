variable "site_id" {
  description = "UUID of the site, lower case; a tag of everything that has tags. Never changes."
  type        = string
  nullable    = false
}

variable "site_name" {
  description = "DNS label of the site, 3 to 32 characters. Never changes."
  type        = string
  nullable    = false
}

variable "customer_id" {
  description = "UUID of the customer, lower case; a tag of everything that has tags."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The provider's own name of the region. Never changes."
  type        = string
  nullable    = false
}

variable "size" {
  description = "small, medium, large or xlarge; the table in sizes.tf says what that is here."
  type        = string
  nullable    = false
}

variable "network_cidr" {
  description = "Private IPv4 range of the site's network, /16 to /24, written with its first address. Never changes."
  type        = string
  default     = "10.20.0.0/16"
  nullable    = false
}

variable "application" {
  description = "Container that cloud-init starts on every instance, without what nobody should see: application_secrets and registry are variables of their own."
  type = object({
    image       = string
    port        = number
    env         = map(string)
    health_path = string
    command     = string
  })
  nullable = false
}

variable "application_secrets" {
  description = "Environment of the container that nobody should see; application.secrets of the site."
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
}

variable "registry" {
  description = "Account at the registry that the image comes from, or null; application.registry of the site."
  type        = object({ server = string, username = string, password = string })
  default     = null
  sensitive   = true
}

variable "domain" {
  description = "Host name that will point at the site, or null."
  type        = string
  default     = null
}

variable "certificate" {
  description = "Resource id of the Key Vault secret that holds the certificate; null is HTTP on port 80 only."
  type        = string
  default     = null
}

variable "scaling" {
  description = "Fewest and most instances, 1 to 50."
  type        = object({ min = number, max = number })
  nullable    = false
}

variable "database" {
  description = "Managed PostgreSQL 13 to 18, or null for none. Storage is 10 to 16384 GB and never shrinks; the engine never gets older; backups are kept 1 to 35 days."
  type = object({
    storage_gb        = number
    high_availability = bool
    backup_days       = number
    engine_version    = number
    read_replica      = bool
  })
  default = null
}

variable "database_password" {
  description = "Password of the database user, made by Siteplane; needed where database is not null."
  type        = string
  default     = null
  sensitive   = true
}

variable "storage" {
  description = "Object storage bucket, or null for none."
  type        = object({ versioning = bool })
  default     = null
}

variable "deletion_protection" {
  description = "Database and storage account refuse deletion, by a management lock and by a guard of Terraform's own."
  type        = bool
  nullable    = false
}

variable "tags" {
  description = "Extra tags, at most 20."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "provider_options" {
  description = "What only Azure needs: nothing."
  type        = object({})
  default     = {}
  nullable    = false
}
