variable "name" {
  description = "Label of the site; name of the database instance."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name))
    error_message = "name must be letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "region" {
  description = "Google Cloud region of the database."
  type        = string
  nullable    = false
}

variable "tier" {
  description = "Machine type of the database, and of its replica."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^db-custom-[0-9]+-[0-9]+$", var.tier))
    error_message = "tier must be db-custom-<processors>-<MiB of memory>: others have no standby in the Enterprise edition, or belong to another."
  }
}

variable "storage_gb" {
  description = "Storage in GB. It grows by itself up to twice as much."
  type        = number
  nullable    = false

  validation {
    condition     = var.storage_gb >= 10 && var.storage_gb <= 16384 && var.storage_gb == floor(var.storage_gb)
    error_message = "storage_gb must be a whole number from 10 to 16384."
  }
}

variable "high_availability" {
  description = "A standby in another zone."
  type        = bool
  nullable    = false
}

variable "backup_days" {
  description = "Days that automatic backups are kept; recovery to a point in time goes back 7 days at most."
  type        = number
  nullable    = false

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35 && var.backup_days == floor(var.backup_days)
    error_message = "backup_days must be a whole number from 1 to 35."
  }
}

variable "engine_version" {
  description = "Major version of PostgreSQL."
  type        = number
  nullable    = false

  validation {
    condition     = contains([13, 14, 15, 16, 17, 18], var.engine_version)
    error_message = "engine_version must be a major version of PostgreSQL from 13 to 18."
  }
}

variable "read_replica" {
  description = "A second instance that follows the first and answers reads."
  type        = bool
  nullable    = false
}

variable "password" {
  description = "Password of the user app."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = can(regex("^[!#-.0-?A-~]{16,128}$", var.password))
    error_message = "password must have 16 to 128 printable characters without space, /, @ and double quotes."
  }
}

variable "network_id" {
  description = "Id of the network, which managed services can have addresses in."
  type        = string
  nullable    = false
}

variable "services_range_name" {
  description = "Name of the range that the addresses come from."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "The database refuses deletion, and leaves a final backup when it is deleted after all."
  type        = bool
  nullable    = false
}

variable "labels" {
  description = "Labels of everything here that has labels."
  type        = map(string)
  nullable    = false
}
