variable "name" {
  description = "Label of the site; the server is named after it, in all of Azure."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){2,31}$", var.name))
    error_message = "name must be letters, digits and single hyphens, start with a letter and not end with a hyphen."
  }
}

variable "resource_group_name" {
  description = "Resource group of all that is made here."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of all that is made here."
  type        = string
  nullable    = false
}

variable "network_id" {
  description = "Network in which the server's name is known."
  type        = string
  nullable    = false
}

variable "subnet_id" {
  description = "Subnet that is the database service's."
  type        = string
  nullable    = false
}

variable "server_type" {
  description = "Type of the server, and of its replica."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(B|GP|MO)_Standard_", var.server_type))
    error_message = "server_type must begin with B_Standard_, GP_Standard_ or MO_Standard_."
  }
  validation {
    condition     = !startswith(var.server_type, "B_") || (var.standby == null && !var.read_replica)
    error_message = "server_type must not be burstable (B_) with a standby or a replica: Azure refuses it at apply."
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

variable "storage_gb" {
  description = "Storage in GB, one of the sizes that Azure sells."
  type        = number
  nullable    = false

  validation {
    condition     = contains([32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384], var.storage_gb)
    error_message = "storage_gb must be a power of two from 32 to 16384."
  }
}

variable "backup_days" {
  description = "Days that backups are kept."
  type        = number
  nullable    = false

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35 && var.backup_days == floor(var.backup_days)
    error_message = "backup_days must be a whole number from 7 to 35."
  }
}

variable "standby" {
  description = "ZoneRedundant or SameZone; null is no standby."
  type        = string
  default     = null

  validation {
    condition     = var.standby == null ? true : contains(["ZoneRedundant", "SameZone"], var.standby)
    error_message = "standby must be ZoneRedundant, SameZone or null."
  }
}

variable "read_replica" {
  description = "A second server that follows the first and answers reads."
  type        = bool
  nullable    = false
}

variable "password" {
  description = "Password of the user siteplane."
  type        = string
  nullable    = false
  sensitive   = true
}

variable "deletion_protection" {
  description = "The server refuses deletion."
  type        = bool
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that is made here and has tags."
  type        = map(string)
  nullable    = false
}
