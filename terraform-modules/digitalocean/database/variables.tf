variable "name" {
  description = "Label of the site; name of the cluster."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name))
    error_message = "name must be letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "region" {
  description = "Region of the cluster."
  type        = string
  nullable    = false
}

variable "size" {
  description = "Size slug of a node, and of the replica."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.size, "db-")
    error_message = "size must begin with db-."
  }
}

variable "storage_gb" {
  description = "Storage in GB; raised to whole tens and to what the size has at least."
  type        = number
  nullable    = false

  validation {
    condition     = var.storage_gb >= 10 && var.storage_gb <= 16384 && var.storage_gb == floor(var.storage_gb)
    error_message = "storage_gb must be a whole number from 10 to 16384."
  }
}

variable "minimum_storage_gb" {
  description = "What the size has at least."
  type        = number
  nullable    = false
}

variable "high_availability" {
  description = "A standby node."
  type        = bool
  nullable    = false
}

variable "engine_version" {
  description = "Major version of PostgreSQL."
  type        = number
  nullable    = false

  validation {
    condition     = contains([14, 15, 16, 17], var.engine_version)
    error_message = "engine_version must be a major version of PostgreSQL from 14 to 17."
  }
}

variable "read_replica" {
  description = "A second cluster that follows the first and answers reads."
  type        = bool
  nullable    = false
}

variable "network_id" {
  description = "Id of the VPC."
  type        = string
  nullable    = false
}

variable "project_id" {
  description = "Project of the cluster."
  type        = string
  nullable    = false
}

variable "site_tag" {
  description = "Only Droplets with this tag reach the database."
  type        = string
  nullable    = false
}

variable "tags" {
  description = "Tags of cluster and replica, each a word key:value."
  type        = list(string)
  nullable    = false
}
